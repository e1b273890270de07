// Where partitions of the outgoing topic begin and end, at the start and later on. One that has no leader holds up nobody: it is left out.
import type { LogAdmin, PartitionEnds } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { isRetriable } from '../../service/errors.ts';
import type { Vector } from './cursor.ts';

/** What must be known of the log before anybody can have a position in it. */
export interface OutgoingStart {
  /** Cluster id and topic id: positions mean nothing in another one. */
  readonly logEpoch: string;
  /** Where reading begins, per partition. */
  readonly start: Vector;
}

export type OutgoingEnds = (only: readonly number[]) => Promise<ReadonlyMap<number, PartitionEnds>>;

/** Throws PMC_KAFKA_UNREACHABLE while the log does not answer. */
export async function outgoingEnds(
  admin: Pick<LogAdmin, 'topics' | 'ends'>,
  only: readonly number[],
): Promise<ReadonlyMap<number, PartitionEnds>> {
  try {
    return await admin.ends(TOPIC.outgoing, only);
  } catch (error) {
    if (!isRetriable(error)) throw error;
    const topics = await admin.topics([TOPIC.outgoing]);
    const asked = topics.flatMap(({ partitions }) => partitions.filter(({ partition }) => only.includes(partition)));
    const led = asked.filter(({ leader }) => leader >= 0).map(({ partition }) => partition);
    if (led.length === asked.length) throw error;
    return led.length === 0 ? new Map() : await admin.ends(TOPIC.outgoing, led);
  }
}
