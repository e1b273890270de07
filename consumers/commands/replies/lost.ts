// What the audit knows about the asking chat. All of a chat is on one partition of the log, which it shares with others.
import { partitionFor } from '../../../kafka/partitioner.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { defineCommand } from '../definition.ts';
import type { FindingFact, LossFact } from '../facts.ts';
import { countText, durationText, UNKNOWN } from '../wording.ts';

const FINDINGS_SHOWN_MAX = 5;

export const lost = defineCommand({
  name: 'lost',
  description: { en: 'what the audit knows about this chat', pt: 'o que a auditoria sabe sobre esta conversa' },
  parameters: {},
  needs: ['losses', 'topics'],
  reply: ({ chat, actor, source, facts: { losses, topics }, nowMs }) => {
    if (losses === undefined) return `What was lost is ${UNKNOWN}: the audit cannot be asked just now.`;
    if (losses === null) return `What was lost is ${UNKNOWN}: no audit has run yet.`;
    const count = topics?.find(({ topic }) => topic === TOPIC.incoming)?.partitions;
    // As the communicator chooses it.
    const mine = count === undefined ? undefined : partitionFor(chat ?? actor ?? source, count);
    return [summaryText(losses, mine, nowMs), ...findingsText(losses, mine, source)].join('\n');
  },
});

function summaryText({ partitions, finishedAtMs }: LossFact, mine: number | undefined, nowMs: number): string {
  const when = `As of ${durationText(nowMs - finishedAtMs)} ago`;
  const found = partitions.find(({ partition }) => partition === mine);
  if (found === undefined) return `${when} the audit had judged nothing where this chat is kept.`;
  const { partition, settled, stored, missing, altered } = found;
  return (
    `${when}, partition ${partition}, which this chat shares with others: ${countText(settled)} settled, ` +
    `${countText(stored)} stored, ${countText(missing)} missing, ${countText(altered)} altered.`
  );
}

function findingsText({ open }: LossFact, mine: number | undefined, asking: string): readonly string[] {
  const here = open.filter(({ partition }) => partition !== undefined && partition === mine);
  // What another source did not get to us is none of this chat's.
  const elsewhere = open.filter(({ partition, source = asking }) => partition === undefined && source === asking);
  if (here.length === 0 && elsewhere.length === 0) return ['Nothing that concerns this chat is open.'];
  const shown = [...here, ...elsewhere].slice(0, FINDINGS_SHOWN_MAX);
  const left = here.length + elsewhere.length - shown.length;
  return [
    'Open findings that may concern it:',
    ...shown.map(findingText),
    ...(left > 0 ? [`and ${countText(left)} more; an operator sees all with: pmc audit run`] : []),
  ];
}

function findingText({ kind, stage, eventId, detail }: FindingFact): string {
  const about = eventId === undefined ? '' : ` message ${eventId}`;
  return `${kind}${about} (${stage})${detail === '' ? '' : `: ${detail}`}`;
}
