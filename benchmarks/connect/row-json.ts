// The finished row as the peer reads it: JSON whose fields are the table's columns, and the schema that its converter needs. What
// our service has to find out from an event, the peer is given. Pure.
import type { Row } from '../../consumers/persistence/rows.ts';

interface Field {
  readonly field: string;
  readonly type: 'string' | 'int32' | 'int64';
  readonly optional: boolean;
  readonly name?: string;
  readonly version?: number;
}

const text = (field: string, optional = true): Field => ({ field, type: 'string', optional });
const whole = (field: string, type: 'int32' | 'int64', optional = false): Field => ({ field, type, optional });
const named = (field: string, name: string, optional = false): Field => ({
  ...text(field, optional),
  name: `io.debezium.${name}`,
  version: 1,
});

export const ROW_SCHEMA = {
  type: 'struct',
  name: 'row',
  optional: false,
  fields: [
    named('id', 'data.Uuid'),
    named('timestamp', 'time.ZonedTimestamp', true),
    text('sender'),
    text('type'),
    named('raw_payload', 'data.Json'),
    named('incarnation', 'data.Uuid'),
    whole('partition', 'int32'),
    whole('record_offset', 'int64'),
    text('source', false),
    text('event_id'),
    text('kind', false),
    text('chat'),
    text('actor'),
    text('content'),
    text('ref_id'),
    text('stream'),
    text('stream_epoch'),
    whole('seq', 'int64', true),
    text('gateway_epoch', false),
    whole('ingest_seq', 'int64'),
    named('received_at', 'time.ZonedTimestamp'),
    named('identity', 'data.Uuid', true),
  ],
} as const;

/** A row without flags: an array would be an array of arrays in the peer's statement, which PostgreSQL does not have. */
export function rowJson(row: Row): Buffer {
  if (row.flags.length > 0) throw new Error(`a flagged row cannot be compared: ${row.flags.join(', ')}`);
  const value = {
    id: row.id,
    timestamp: row.timestamp?.toISOString() ?? null,
    sender: row.sender,
    type: row.type,
    raw_payload: row.rawPayload,
    incarnation: row.incarnation,
    partition: row.partition,
    record_offset: Number(row.recordOffset),
    source: row.source,
    event_id: row.eventId,
    kind: row.kind,
    chat: row.chat,
    actor: row.actor,
    content: row.content,
    ref_id: row.refId,
    stream: row.stream,
    stream_epoch: row.streamEpoch,
    seq: row.seq === null ? null : Number(row.seq),
    gateway_epoch: row.gatewayEpoch,
    ingest_seq: Number(row.ingestSeq),
    received_at: row.receivedAt.toISOString(),
    identity: row.identity,
  };
  return Buffer.from(JSON.stringify(value));
}
