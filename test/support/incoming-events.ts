// Events as a communicator would write them, for tests of what reads them.
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';

const ACTOR_FIELDS = ['sender', 'reader', 'recipient', 'user', 'editor', 'deleted_by'];

/** An event around a payload given as text, bytes or a value; the envelope's fields are the defaults unless overridden. */
export function incomingEvent(payload: unknown, overrides: Partial<IncomingEvent> = {}): IncomingEvent {
  return {
    source: 'chaos',
    connection: '01JDAAAAAAAAAAAAAAAAAAAAAA',
    stream: null,
    streamEpoch: null,
    seq: null,
    gatewayEpoch: '01JDBBBBBBBBBBBBBBBBBBBBBB',
    ingestSeq: 1,
    receivedAt: Date.parse('2026-11-22T20:45:46.409Z'),
    kind: 'message',
    id: null,
    chat: null,
    actor: null,
    type: null,
    payload: bytesOf(payload),
    ...overrides,
  };
}

/** The event of one recorded frame of the simulator: the envelope's fields are taken from the frame. */
export function eventOfFrame(frame: string, ingestSeq: number): IncomingEvent {
  const fields = JSON.parse(frame) as Readonly<Record<string, string | undefined>>;
  const actorField = ACTOR_FIELDS.find((field) => fields[field] !== undefined);
  return incomingEvent(frame, {
    ingestSeq,
    kind: fields['event'] as EventKind,
    id: fields['id'] ?? null,
    chat: fields['chat'] ?? null,
    actor: actorField === undefined ? null : (fields[actorField] ?? null),
    type: fields['message_type'] ?? null,
  });
}

function bytesOf(payload: unknown): Buffer {
  if (Buffer.isBuffer(payload)) return payload;
  return Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
}
