// Puts what a plan says into the scratch tables of a drill, which the pool it is given looks into first.
import type { Codec } from '../../../kafka/codec.ts';
import type { Dispatch } from '../../../schemas/generated.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import type { Pool, PoolClient } from '../../../service/database.ts';
import { type DrillPlan, type PlannedRow, PURGED_AGO_MS } from './plan.ts';
import type { ReplyPlan } from './reply-plan.ts';

type Value = string | number | Buffer | Date | null;

/** The tables that an audit asks. */
export const TABLES = [
  ...(['message_metadata', 'duplicates', 'conflicts', 'quarantine', 'coverage', 'purged'] as const),
  ...(['effects', 'outbox', 'forgotten'] as const),
];

export interface RowsTools {
  readonly pool: Pool;
  readonly codec: Codec;
  readonly incarnation: string;
  readonly outgoing: string;
}

/** All of a plan but what comes late. */
export async function insertPlan(tools: RowsTools, plan: DrillPlan): Promise<void> {
  const { pool, incarnation } = tools;
  const at = (partition: number, record_offset: number) => ({ incarnation, partition, record_offset });
  await insertRows(pool, incarnation, plan.rows);
  for (const { partition, offset, id, first } of plan.duplicates)
    await insert(pool, 'duplicates', {
      ...at(partition, offset),
      id,
      first_incarnation: incarnation,
      first_partition: first.partition,
      first_offset: first.offset,
    });
  for (const { partition, offset } of plan.quarantined)
    await insert(pool, 'quarantine', { ...at(partition, offset), topic: TOPIC.incoming, code: 'DRILL', reason: '' });
  for (const { partition, offset: lower_offset } of plan.purged) {
    const range = { lower_offset, upper_offset: lower_offset + 1 };
    const created_at = new Date(plan.nowMs - PURGED_AGO_MS);
    await insert(pool, 'purged', { incarnation, partition, ...range, reason: 'drill', created_at });
  }
  for (const [partition, upper_offset] of plan.covered.entries())
    await insert(pool, 'coverage', { incarnation, partition, topic: TOPIC.incoming, upper_offset });
  await insertReplies(tools, plan.replies);
}

async function insertReplies(tools: RowsTools, { effects, sent, forgottenBeforeMs }: ReplyPlan): Promise<void> {
  const { pool, incarnation } = tools;
  const columns = {
    event_key: column(effects, 'uuid', ({ command }) => command.id),
    kind: column(effects, 'text', () => 'reply'),
    target: column(effects, 'text', ({ command }) => command.event.source),
    status: column(effects, 'text', ({ status }) => status),
    incarnation: column(effects, 'uuid', () => incarnation),
    partition: column(effects, 'integer', ({ command }) => command.partition),
    record_offset: column(effects, 'bigint', ({ command }) => command.offset),
    created_at: column(effects, 'timestamptz', ({ atMs }) => timeOf(atMs)),
    received_at: column(effects, 'timestamptz', ({ command }) => timeOf(command.event.receivedAt)),
  };
  await insertColumns(pool, 'effects', columns);
  for (const dispatch of sent) await insertDispatch(tools, dispatch, { sent_at: new Date(dispatch.createdAt) });
  if (forgottenBeforeMs !== undefined)
    await insert(pool, 'forgotten', { what: 'effects', before: new Date(forgottenBeforeMs) });
}

export async function insertUnsent(tools: RowsTools, { unsent }: ReplyPlan): Promise<void> {
  for (const dispatch of unsent) await insertDispatch(tools, dispatch, { sent_at: null });
}

export async function deleteUnsent(pool: Pool, schema: string): Promise<void> {
  await pool.query(`delete from ${schema}.outbox where sent_at is null`);
}

async function insertDispatch(
  { pool, codec, outgoing: topic }: RowsTools,
  dispatch: Dispatch,
  sent: { readonly sent_at: Date | null },
): Promise<void> {
  const about = { reply_id: dispatch.replyId, topic, partition: 0, key: dispatch.source };
  const value = codec.encode(TOPIC.outgoing, dispatch);
  await insert(pool, 'outbox', { ...about, value, created_at: new Date(dispatch.createdAt), ...sent });
}

async function insert(
  pool: Pool,
  table: (typeof TABLES)[number],
  values: Readonly<Record<string, Value>>,
): Promise<void> {
  const names = Object.keys(values);
  const places = names.map((_, index) => `$${index + 1}`).join(', ');
  await pool.query(`insert into ${table} (${names.join(', ')}) values (${places})`, Object.values(values));
}

export async function insertRows(
  on: Pool | PoolClient,
  incarnation: string,
  rows: readonly PlannedRow[],
): Promise<void> {
  const columns = {
    incarnation: column(rows, 'uuid', () => incarnation),
    id: column(rows, 'uuid', ({ id }) => id),
    timestamp: column(rows, 'timestamptz', ({ event }) => timeOf(event.receivedAt)),
    created_at: column(rows, 'timestamptz', ({ storedAtMs }) => timeOf(storedAtMs)),
    raw_payload: column(rows, 'json', ({ rawPayload }) => rawPayload),
    kind: column(rows, 'text', ({ event }) => event.kind),
    type: column(rows, 'text', ({ event }) => (event.kind === 'message' ? event.type : event.kind)),
    content: column(rows, 'text', ({ content }) => content),
    ref_id: column(rows, 'text', ({ refId }) => refId),
    partition: column(rows, 'integer', ({ partition }) => partition),
    record_offset: column(rows, 'bigint', ({ offset }) => offset),
    source: column(rows, 'text', ({ event }) => event.source),
    event_id: column(rows, 'text', ({ event }) => event.id),
    chat: column(rows, 'text', ({ event }) => event.chat),
    actor: column(rows, 'text', ({ event }) => event.actor),
    sender: column(rows, 'text', ({ event }) => event.actor),
    stream: column(rows, 'text', ({ event }) => event.stream),
    stream_epoch: column(rows, 'text', ({ event }) => event.streamEpoch),
    seq: column(rows, 'bigint', ({ event }) => event.seq),
    gateway_epoch: column(rows, 'text', ({ event }) => event.gatewayEpoch),
    ingest_seq: column(rows, 'bigint', ({ event }) => event.ingestSeq),
    received_at: column(rows, 'timestamptz', ({ event }) => timeOf(event.receivedAt)),
  };
  await insertColumns(on, 'message_metadata', columns);
}

interface Column {
  readonly type: string;
  readonly values: readonly (string | number | null)[];
}

function column<T>(of: readonly T[], type: string, valueOf: (one: T) => string | number | null): Column {
  return { type, values: of.map(valueOf) };
}

function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

async function insertColumns(
  on: Pool | PoolClient,
  table: (typeof TABLES)[number],
  columns: Readonly<Record<string, Column>>,
): Promise<void> {
  const given = Object.values(columns).map(({ type }, index) => `$${index + 1}::${type}[]`);
  await on.query(
    `insert into ${table} (${Object.keys(columns).join(', ')}) select * from unnest(${given.join(', ')})`,
    Object.values(columns).map(({ values }) => values),
  );
}
