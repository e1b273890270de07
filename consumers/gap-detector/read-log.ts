// Reads what is on the log into the audit's own memory of it, from where it was read to before (at first from the log start offset) up
// to its end now, without a group. Where there is much to read, threads do it, several partitions at a time.
import type { LogAdmin, RangeReader, TopicPartition } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import type { AuditedLog } from './audited-log.ts';
import { nameOf } from './partition-name.ts';
import { ahead } from './read-ahead.ts';
import type { ReadingThreads } from './reading-threads.ts';
import type { Rules } from './rules.ts';

export interface LogTools {
  readonly admin: Pick<LogAdmin, 'ends'>;
  readonly ranges: Pick<RangeReader, 'read'>;
  /** For long reads; whoever opened them stops them. They do not know the drill's broken rules. */
  readonly threads?: ReadingThreads;
  readonly rules?: Rules;
  readonly isContentOnly?: boolean;
}

export interface ReadingTo {
  /** By partition: from there on records are observed for the gateway's account only, they are in flight for the rows. */
  readonly digestUppers?: ReadonlyMap<number, bigint>;
  readonly signal?: AbortSignal;
  /** For people: what is being done. */
  readonly onProgress?: (text: string) => void;
}

interface Stretch {
  readonly at: TopicPartition;
  readonly lower: bigint;
  readonly upper: bigint;
}

export async function readTopic(
  tools: LogTools,
  audited: AuditedLog,
  topic: string,
  logStarts: Map<string, bigint>,
  options: ReadingTo,
): Promise<void> {
  for (const stretch of await unread(tools, audited, topic, logStarts))
    await readAlone(tools, audited, stretch, options);
}

/** The same of the incoming events, which are many. */
export async function readIncoming(
  tools: LogTools,
  audited: AuditedLog,
  topic: string,
  logStarts: Map<string, bigint>,
  options: ReadingTo,
): Promise<void> {
  const stretches = await unread(tools, audited, topic, logStarts);
  const threads = tools.rules === undefined ? tools.threads : undefined;
  const records = stretches.reduce((sum, { lower, upper }) => sum + (upper - lower), 0n);
  if (threads?.areWorth(records, tools.isContentOnly === true) !== true) {
    for (const stretch of stretches) await readAlone(tools, audited, stretch, options);
    return;
  }
  const left = stretches.values();
  const lane = async (): Promise<void> => {
    for (const stretch of left) await readByThread(tools, threads, audited, stretch, options);
  };
  await Promise.all(Array.from({ length: threads.count }, lane));
}

async function unread(
  { admin }: LogTools,
  audited: AuditedLog,
  topic: string,
  logStarts: Map<string, bigint>,
): Promise<readonly Stretch[]> {
  return [...(await admin.ends(topic))].map(([partition, { logStart, lastStable }]) => {
    const at: TopicPartition = { topic, partition };
    if (!audited.positions.has(nameOf(at))) {
      audited.begin(at, logStart);
      logStarts.set(nameOf(at), logStart);
    }
    return { at, lower: audited.position(at), upper: lastStable };
  });
}

async function readAlone(
  { ranges }: LogTools,
  audited: AuditedLog,
  { at, lower, upper }: Stretch,
  { digestUppers, signal, onProgress }: ReadingTo,
): Promise<void> {
  onProgress?.(`reading ${nameOf(at)}`);
  const digestUpper = digestUppers?.get(at.partition);
  for await (const entries of ahead(ranges.read(at, lower, upper, signal))) {
    const last = entries.at(-1);
    if (last !== undefined) await audited.take(at, entries, offsetOf(last) + 1n, digestUpper);
  }
  await audited.take(at, [], upper, digestUpper);
}

async function readByThread(
  { isContentOnly = false }: LogTools,
  threads: ReadingThreads,
  audited: AuditedLog,
  { at, lower, upper }: Stretch,
  { digestUppers, signal, onProgress }: ReadingTo,
): Promise<void> {
  if (lower >= upper) return;
  onProgress?.(`reading ${nameOf(at)}`);
  const digestUpper = digestUppers?.get(at.partition);
  for await (const observed of threads.read(at, lower, upper, { isContentOnly, signal }))
    audited.takeObserved(at, observed, digestUpper);
  await audited.take(at, [], upper, digestUpper);
}
