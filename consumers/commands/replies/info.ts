// What this system is: version, cluster, topics, and what to send when a message seems lost.
import { defineCommand } from '../definition.ts';
import type { TopicFact } from '../facts.ts';
import { durationText, UNKNOWN } from '../wording.ts';

const HOW_TO_REPORT =
  'Report a loss: send an operator the chat, the sender, the time and, if you have it, the message id; ' +
  '`pmc audit run` then says where every message is.';

export const info = defineCommand({
  name: 'info',
  description: {
    en: 'version, cluster, topics and how to report a loss',
    pt: 'versão, cluster, tópicos e como relatar uma perda',
  },
  parameters: {},
  needs: ['clusterId', 'topics'],
  reply: ({ about, facts, nowMs }) =>
    [
      `Personal Message Center ${about.version}, commands up ${durationText(nowMs - about.startedAtMs)}`,
      `Cluster: ${facts.clusterId ?? UNKNOWN}`,
      ...(facts.topics === undefined ? [`Topics: ${UNKNOWN}`] : ['Topics:', ...facts.topics.map(topicText)]),
      HOW_TO_REPORT,
    ].join('\n'),
});

function topicText({ topic, partitions, retentionMs }: TopicFact): string {
  return `${topic}: ${partitions} partitions, kept ${retentionText(retentionMs)}`;
}

function retentionText(retentionMs: number | undefined): string {
  if (retentionMs === undefined) return `for an ${UNKNOWN} time`;
  return retentionMs < 0 ? 'for ever' : `for ${durationText(retentionMs)}`;
}
