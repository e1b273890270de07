// What the communicator must know of the log before it takes anything: that cluster, registry and topics are there, how many
// partitions each has, and where its own reading of the outgoing topic begins.
import type { Codec } from '../../kafka/codec.ts';
import { checkCluster, type LogClients } from '../../kafka/connect.ts';
import type { LogAdmin, PartitionEnds } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { backoffMs, pause } from '../../service/backoff.ts';
import { describeError, isRetriable } from '../../service/errors.ts';
import type { ServiceContext } from '../../service/lifecycle.ts';
import type { Vector } from './cursor.ts';
import type { OutgoingStart } from './outgoing-ends.ts';

export interface PreparedLog {
  /** Number of partitions by topic. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly outgoing: OutgoingStart;
}

const PREPARE_BACKOFF = { initialMs: 250, maxMs: 5_000 };

/** Waits until all of it is there, loudly, and says so by `onAway`; throws what waiting does not cure, and the reason to stop. */
export async function prepareLog(
  clients: LogClients,
  admin: LogAdmin,
  codec: Codec,
  { logger, health, stopping }: ServiceContext,
  instance: string,
  onAway: () => void,
): Promise<PreparedLog> {
  for (let attempt = 1; ; attempt += 1) {
    stopping.throwIfAborted();
    try {
      await checkCluster(clients);
      await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
      const topics = await admin.topics([TOPIC.incoming, TOPIC.rejected, TOPIC.sources, TOPIC.outgoing]);
      const { clusterId } = await admin.cluster();
      const incarnation = topics.find(({ topic }) => topic === TOPIC.outgoing)?.incarnation;
      const outgoing = { logEpoch: `${clusterId}/${incarnation}`, start: await startOf(admin, instance) };
      health.set('log', true, 'the log and the registry answer');
      return { partitions: new Map(topics.map(({ topic, partitions }) => [topic, partitions.length])), outgoing };
    } catch (error) {
      stopping.throwIfAborted();
      if (!isRetriable(error)) throw error;
      health.set('log', false, describeError(error));
      logger.warn({ error: describeError(error), attempt }, 'communicator.log.away');
      onAway();
      await pause(backoffMs(attempt, PREPARE_BACKOFF), stopping);
    }
  }
}

/** Where this instance had come, or the end: what is older goes by the peers' own positions, which are read from the log. */
async function startOf(admin: LogAdmin, instance: string): Promise<Vector> {
  const groupId = `${GROUP.communicator}.${instance}`;
  const ends = await admin.ends(TOPIC.outgoing);
  const committed = await admin.committed(groupId, TOPIC.outgoing);
  const start = startWithin(ends, committed);
  // Also where the log was cut: a reader that stood beyond its end would take nothing until the log had grown so far again.
  if ([...start].some(([partition, next]) => committed.get(partition) !== next)) {
    await admin.setCommitted(groupId, TOPIC.outgoing, start);
  }
  return start;
}

/**
 * What is committed, as near to it as each partition goes: the beginning of one that was added since, for it is committed of all
 * that there are. The end where nothing is committed at all.
 */
export function startWithin(ends: ReadonlyMap<number, PartitionEnds>, committed: Vector): Vector {
  const start = new Map<number, bigint>();
  for (const [partition, { logStart, highWatermark }] of ends) {
    const next = committed.get(partition) ?? (committed.size === 0 ? highWatermark : logStart);
    const isOnLog = next >= logStart && next <= highWatermark;
    start.set(partition, isOnLog ? next : next < logStart ? logStart : highWatermark);
  }
  return start;
}
