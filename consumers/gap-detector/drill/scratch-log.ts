// Appends what a plan says to the scratch topics of a drill. It promises that every record lies where the plan has it, or throws: what
// lies elsewhere no plan knows of.
import type { Codec } from '../../../kafka/codec.ts';
import type { Appender, AppendRecord, LogAdmin, TopicPartition } from '../../../kafka/log.ts';
import type { ScratchTopics } from '../../../kafka/scratch-topics.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { pause } from '../../../service/backoff.ts';
import { PmcError } from '../../../service/errors.ts';
import { payloadHash } from '../digest.ts';
import type { DrillPlan, PlannedAppend } from './plan.ts';

const BATCH_RECORDS = 500;
const REACHED_WITHIN_MS = 10_000;
const REACHED_POLL_MS = 20;

export interface LogTools {
  readonly admin: LogAdmin;
  readonly topics: ScratchTopics;
  readonly codec: Codec;
  readonly appender: Appender;
}

export async function appendAll(
  tools: LogTools,
  topic: string,
  { appends, logStarts }: Pick<DrillPlan, 'appends' | 'logStarts'>,
): Promise<void> {
  for (const [partition, all] of appends.entries()) await appendTo(tools, { topic, partition }, all);
  for (const [partition, offset] of logStarts)
    await tools.topics.deleteRecordsBefore({ topic, partition }, BigInt(offset));
}

async function appendTo(tools: LogTools, to: TopicPartition, appends: readonly PlannedAppend[]): Promise<void> {
  let pending: AppendRecord[] = [];
  const flush = async (): Promise<void> => {
    await appendBatch(tools, to, pending);
    pending = [];
  };
  for (const one of appends) {
    if (one.kind === 'transaction') {
      await flush();
      const values = one.events.map((event) => tools.codec.encode(TOPIC.incoming, event));
      await tools.topics.appendTransaction(to, values, 'abort');
      await reached(tools, to, endOf(one));
    } else pending.push(toRecord(tools, one));
  }
  await flush();
  const last = appends.at(-1);
  if (last !== undefined) await reached(tools, to, endOf(last));
}

function toRecord({ codec }: LogTools, one: Exclude<PlannedAppend, { kind: 'transaction' }>): AppendRecord {
  if (one.kind === 'bytes') return recordOf(one.bytes);
  if (one.kind === 'reply') return recordOf(codec.encode(TOPIC.outgoing, one.dispatch));
  const sha256 = one.received ?? payloadHash(one.event.payload);
  return { ...recordOf(codec.encode(TOPIC.incoming, one.event)), headers: { sha256 } };
}

/** The broker writes the control record that ends a transaction in its own time. */
async function reached({ admin }: LogTools, { topic, partition }: TopicPartition, planned: number): Promise<void> {
  for (const untilMs = Date.now() + REACHED_WITHIN_MS; ; await pause(REACHED_POLL_MS)) {
    const end = Number((await admin.ends(topic)).get(partition)?.lastStable ?? 0n);
    if (end === planned) return;
    if (end > planned || Date.now() > untilMs)
      throw planFailed(`${topic}-${partition} ends at ${end} instead of ${planned}`);
  }
}

export async function appendBatch(
  { appender }: Pick<LogTools, 'appender'>,
  to: TopicPartition,
  records: readonly AppendRecord[],
): Promise<void> {
  for (let from = 0; from < records.length; from += BATCH_RECORDS) {
    const answer = await appender.append(to, records.slice(from, from + BATCH_RECORDS));
    // An append of unknown outcome, made again, would put copies on the log that no plan knows of.
    if (answer.outcome !== 'acked') throw planFailed(answer.error.message, answer.error);
  }
}

function endOf(append: PlannedAppend): number {
  return append.offset + (append.kind === 'transaction' ? append.events.length + 1 : 1);
}

function planFailed(why: string, cause?: unknown): PmcError {
  return new PmcError('PMC_AUDIT_DRILL_FAILED', `the drill could not be planted as planned: ${why}`, {}, { cause });
}

export function recordOf(value: Buffer): AppendRecord {
  return { key: null, value, headers: {}, timestampMs: Date.now() };
}
