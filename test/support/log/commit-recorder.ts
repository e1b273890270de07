// Every commit that any group ever made, in order, as its coordinator wrote it down, read by Kafka's own console consumer: asking
// for the committed offsets now and then would miss the one that went back.
import { readFileSync } from 'node:fs';
import type { Child } from '../../../compose/processes/children.ts';
import type { LogAdmin, Offset } from '../../../kafka/log.ts';
import { pause } from '../../../service/backoff.ts';
import type { KafkaCluster } from './kafka-cluster.ts';

const DEADLINE_MS = 60_000;
const CONSUMER = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
const FORMATTER = 'org.apache.kafka.tools.consumer.OffsetsMessageFormatter';
const QUICKLY = ['metadata.max.age.ms=300', 'fetch.max.wait.ms=100'].flatMap((one) => ['--command-property', one]);

export interface Commit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: Offset;
  /** By the broker's clock, which is this machine's. */
  readonly atMs: number;
}

interface Written {
  readonly key: { readonly data: { readonly group: string; readonly topic: string; readonly partition: number } };
  /** Absent where an offset was taken back. */
  readonly value: { readonly data: { readonly offset: number; readonly commitTimestamp: number } } | null;
}

export class CommitRecorder {
  readonly #consumer: Child;

  constructor(cluster: KafkaCluster) {
    const from = ['--bootstrap-server', cluster.direct.join(','), '--topic', '__consumer_offsets', '--from-beginning'];
    this.#consumer = cluster.startTool('commits', CONSUMER, [...from, '--formatter', FORMATTER, ...QUICKLY]);
  }

  /** All commits of a group on a topic, up to what it has committed at the call. */
  async commits(groupId: string, topic: string, admin: LogAdmin): Promise<readonly Commit[]> {
    const now = [...(await admin.committed(groupId, topic))];
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const commits = this.#read(groupId, topic);
      const isThere = now.every(([number, offset]) =>
        commits.some((commit) => commit.partition === number && commit.offset === offset),
      );
      if (isThere) return commits;
      if (deadline.aborted) throw new Error(`the recorder lacks commits of group ${groupId}`);
      await pause(100);
    }
  }

  #read(groupId: string, topic: string): readonly Commit[] {
    const { logFile, logFromByte } = this.#consumer;
    const text = readFileSync(logFile).subarray(logFromByte).toString();
    return written(text).flatMap(({ key, value }) => {
      if (key.data.group !== groupId || key.data.topic !== topic || value === null) return [];
      const { offset, commitTimestamp } = value.data;
      return [{ topic, partition: key.data.partition, offset: BigInt(offset), atMs: commitTimestamp }];
    });
  }
}

/** The formatter writes one object after the other, with nothing between them; the last may still be on its way. */
function written(text: string): readonly Written[] {
  const objects = text.split(/(?:^|\n|(?<=\}))(?=\{"key":)/).filter((one) => one.startsWith('{'));
  return objects.flatMap((one, index) => {
    try {
      return [JSON.parse(one) as Written];
    } catch (error) {
      if (index === objects.length - 1) return [];
      throw error;
    }
  });
}
