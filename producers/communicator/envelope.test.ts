import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventBytesMax, writeEvent } from '../../kafka/write-event.ts';
import { AVRO_SCHEMAS, type IncomingEvent, type RejectedFrame } from '../../schemas/generated.ts';
import { PROTOCOL_ERROR } from '../../schemas/protocol/codes.ts';
import { sha256 as digestOf, keyOf, type Receipt, toEvent, toRejected } from './envelope.ts';
import { type Frame, parseFrame } from './parse-frame.ts';

const RECEIPT: Receipt = {
  source: 'chat.example:4001',
  connection: '01JDAAAAAAAAAAAAAAAAAAAAAA',
  gatewayEpoch: '01JDBBBBBBBBBBBBBBBBBBBBBB',
  ingestSeq: 7,
  receivedAt: 1_700_000_000_000,
};
const LIMIT = 65_536;

const INCOMING = avro.Type.forSchema(AVRO_SCHEMAS.IncomingEvent as unknown as avro.Schema);
const REJECTED = avro.Type.forSchema(AVRO_SCHEMAS.RejectedFrame as unknown as avro.Schema);

type Enveloped =
  | { readonly kind: 'event'; readonly event: IncomingEvent }
  | { readonly kind: 'rejected'; readonly rejected: RejectedFrame };

function toEnvelope(frame: Frame): Enveloped {
  const parsed = parseFrame(frame);
  return parsed.ok
    ? { kind: 'event', event: toEvent(parsed.fields, frame, RECEIPT, null) }
    : { kind: 'rejected', rejected: toRejected(frame, RECEIPT, parsed.refusal, null) };
}

function envelop(content: string | Buffer, isBinary = false): Enveloped {
  return toEnvelope({ bytes: Buffer.from(content), isBinary });
}

function eventOf(content: string | Buffer): IncomingEvent {
  const enveloped = envelop(content);
  if (enveloped.kind !== 'event') throw new Error(`rejected: ${enveloped.rejected.reason}`);
  return enveloped.event;
}

function rejectionOf(content: string | Buffer, isBinary = false): RejectedFrame | undefined {
  const enveloped = envelop(content, isBinary);
  return enveloped.kind === 'rejected' ? enveloped.rejected : undefined;
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
}

describe('recorded frames', () => {
  const recorded = readFileSync(new URL('../../test/data/chaos-socket-frames.jsonl', import.meta.url), 'utf8');
  const frames = recorded
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { frame: string }).frame);
  const actorFields = ['sender', 'reader', 'recipient', 'user', 'editor', 'deleted_by'];

  test('all become events of their kind, with every byte unchanged', () => {
    const kinds = new Set<string>();
    for (const frame of frames) {
      const fields = JSON.parse(frame) as Record<string, string | undefined>;
      const event = eventOf(frame);
      expect(event.payload.equals(Buffer.from(frame))).toBe(true);
      expect([event.kind, event.id, event.chat]).toEqual([
        fields['event'],
        fields['id'] ?? null,
        fields['chat'] ?? null,
      ]);
      expect(event.type).toBe(fields['message_type'] ?? null);
      const actorField = actorFields.find((field) => fields[field] !== undefined);
      expect(event.actor).toBe(actorField === undefined ? null : fields[actorField]);
      kinds.add(event.kind);
    }
    expect(kinds.size).toBe(9);
  });

  test('name an actor wherever somebody acts', () => {
    const silent = frames.map(eventOf).filter(({ actor, kind }) => actor === null && kind !== 'connection');
    expect(silent.map(({ payload }) => payload.toString())).toEqual([]);
  });
});

describe('the envelope', () => {
  test('takes the receipt as it is and leaves the counts of the source open', () => {
    expect(eventOf('{"event":"message","id":"m1","chat":"c1","sender":"s1","message_type":"text"}')).toEqual({
      ...RECEIPT,
      stream: null,
      streamEpoch: null,
      seq: null,
      kind: 'message',
      id: 'm1',
      chat: 'c1',
      actor: 's1',
      type: 'text',
      payload: expect.any(Buffer),
    });
  });

  test.each([
    ['an unknown event', '{"event":"poll"}'],
    ['no event', '{}'],
    ['the kind that means unknown', '{"event":"unknown"}'],
    ['a name of every object', '{"event":"constructor"}'],
    ['an event that is no text', '{"event":["message"]}'],
  ])('calls %s unknown and keeps it', (_name, frame) => {
    expect(eventOf(frame).kind).toBe('unknown');
  });

  test('takes only text for a name, and no text for none', () => {
    const fields = { id: 7, chat: { a: 1 }, sender: true, message_type: ['text'] };
    expect(eventOf(JSON.stringify(fields))).toMatchObject({ id: null, chat: null, actor: null, type: null });
    expect(eventOf('{"id":"","chat":"","sender":"","message_type":""}')).toMatchObject({
      id: null,
      chat: null,
      actor: null,
    });
  });

  test('takes the first that acts, in a fixed order', () => {
    const fields = ['sender', 'reader', 'recipient', 'user', 'editor', 'deleted_by'];
    for (let from = 0; from < fields.length; from += 1) {
      const present = fields.slice(from).map((field) => [field, `the ${field}`]);
      expect(eventOf(JSON.stringify(Object.fromEntries(present.reverse()))).actor).toBe(`the ${fields[from]}`);
    }
    expect(eventOf('{"sender":5,"user":"u"}').actor).toBe('u');
  });

  test('reads the last of two equal names, as every JSON reader, and keeps both in the payload', () => {
    const frame = '{"id":"first","id":"second"}';
    expect(eventOf(frame).id).toBe('second');
    expect(eventOf(frame).payload.toString()).toBe(frame);
  });

  test('is not misled by names that objects have anyway', () => {
    expect(eventOf('{"__proto__":{"event":"message","id":"x"}}')).toMatchObject({ kind: 'unknown', id: null });
  });

  // Half of a surrogate pair would make an Avro string that other readers of the topic refuse.
  test('names things in text that can be written as UTF-8, and keeps the bytes as they came', () => {
    const frame = '{"event":"message","id":"\\u0000","chat":"\\ud800","content":"\\udfff"}';
    const event = eventOf(frame);
    expect(event).toMatchObject({ id: '\u0000', chat: '\ufffd' });
    expect(event.payload.toString()).toBe(frame);
  });

  test('hashes the bytes', () => {
    const bytes = Buffer.from('{"a":1}');
    expect(digestOf(bytes)).toBe(sha256(bytes).toString('hex'));
  });

  test('has the place that its source gave it', () => {
    const place = { stream: 's', streamEpoch: 'e', seq: 5 };
    expect(toEvent({}, { bytes: Buffer.from('{}'), isBinary: false }, RECEIPT, place)).toMatchObject(place);
  });

  test('routes by chat, else actor, else source', () => {
    expect(keyOf({ chat: 'c', actor: 'a', source: 's' })).toBe('c');
    expect(keyOf({ chat: null, actor: 'a', source: 's' })).toBe('a');
    expect(keyOf({ chat: null, actor: null, source: 's' })).toBe('s');
  });
});

describe('a frame that cannot be an event', () => {
  const malformed = PROTOCOL_ERROR.malformed.code;
  const invalid = PROTOCOL_ERROR.invalid.code;
  const frameTooLarge = PROTOCOL_ERROR.frameTooLarge.code;

  test.each([
    ['nothing', '', malformed],
    ['spaces', '   ', malformed],
    ['half of a JSON text', '{"event":"mess', malformed],
    ['more after the object', '{}{}', malformed],
    ['a byte order mark', '\uFEFF{}', malformed],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), malformed],
    ['an encoded lone surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), malformed],
    ['a raw control character in a text', '{"a":"\u0000"}', malformed],
    ['an array', '[{"event":"message"}]', invalid],
    ['a number', '1.0e2', invalid],
    ['a text', '"{}"', invalid],
    ['null', 'null', invalid],
    ['17 levels', nested(17), invalid],
    ['17 levels of arrays', `{"a":${'['.repeat(16)}${']'.repeat(16)}}`, invalid],
    ['very many levels', '['.repeat(LIMIT), invalid],
    ['a byte too many', `{"a":"${'x'.repeat(LIMIT - 7)}"}`, frameTooLarge],
  ])('is rejected with a code: %s', (_name, content, code) => {
    const rejected = rejectionOf(content);
    expect(rejected).toMatchObject({ ...RECEIPT, code, binary: false, sizeBytes: Buffer.from(content).length });
    expect(rejected?.reason).not.toBe('');
  });

  test('is binary, even when the bytes would be an event', () => {
    expect(rejectionOf('{"event":"message"}', true)).toMatchObject({ code: malformed, binary: true });
  });

  test.each([
    ['too deep', `{"seq":7,"a":${nested(17)}}`],
    ['too large', `{"seq":7,"a":"${'x'.repeat(LIMIT)}"}`],
  ])('still says which one it was: %s', (_name, content) => {
    expect(parseFrame({ bytes: Buffer.from(content), isBinary: false })).toMatchObject({
      ok: false,
      fields: { seq: 7 },
    });
  });

  test('is not one at the limits', () => {
    expect(eventOf(nested(16)).kind).toBe('unknown');
    expect(eventOf(`{"a":"${'x'.repeat(LIMIT - 8)}"}`).payload.length).toBe(LIMIT);
    expect(eventOf(`{"a":"${'['.repeat(1_000)}"}`).kind).toBe('unknown');
  });

  test('is kept with its first 64 KiB, its whole length and its whole hash', () => {
    const bytes = Buffer.alloc(LIMIT + 10, 'y');
    const rejected = rejectionOf(bytes);
    expect(rejected?.raw.equals(bytes.subarray(0, LIMIT))).toBe(true);
    expect(rejected?.sizeBytes).toBe(LIMIT + 10);
    expect(rejected?.sha256.equals(sha256(bytes))).toBe(true);
  });
});

describe('any frame', () => {
  const jsonText = fc.jsonValue({ stringUnit: 'binary', maxDepth: 20 }).map((value) => JSON.stringify(value));
  const member = fc.tuple(
    fc.constantFrom('event', 'id', 'chat', 'sender', 'user', 'message_type', '__proto__'),
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('message', '\u0000', '\ud800', '\udfff\ud800'),
      fc.jsonValue(),
    ),
  );
  const chatText = fc
    .array(member, { maxLength: 8 })
    .map((members) => members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`))
    .map((members) => `{${members.join(',')}}`);
  const spoiled = fc.tuple(chatText, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
    const bytes = Buffer.from(text);
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 500 }).map((array) => Buffer.from(array)),
    jsonText.map((text) => Buffer.from(text)),
    chatText.map((text) => Buffer.from(text)),
    spoiled,
  );
  const frame: fc.Arbitrary<Frame> = fc.record({
    bytes,
    isBinary: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  });

  /** A frame whose envelope does not encode would end the communicator: nothing catches it, and the source sends it again. */
  function survives(enveloped: Enveloped, { bytes: sent }: Frame): void {
    if (enveloped.kind === 'event') {
      const bytes = Buffer.alloc(eventBytesMax(enveloped.event));
      const written = bytes.subarray(0, writeEvent(enveloped.event, bytes, 0));
      expect(written.equals(INCOMING.toBuffer(enveloped.event))).toBe(true);
      expect((INCOMING.fromBuffer(written) as IncomingEvent).payload.equals(sent)).toBe(true);
    } else {
      const read = REJECTED.fromBuffer(REJECTED.toBuffer(enveloped.rejected)) as RejectedFrame;
      expect([104, 105, 107]).toContain(read.code);
      expect(read.raw.equals(sent.subarray(0, LIMIT))).toBe(true);
    }
  }

  test('is an event or a rejection that encodes; never an exception', () => {
    fc.assert(
      fc.property(frame, (one) => survives(toEnvelope(one), one)),
      { numRuns: 1_000 },
    );
  });

  test('of the largest size encodes, whatever its names are filled with', () => {
    for (const filler of ['x', '\\u0000', '\\ud800', 'ä', '€', '\u{1F600}']) {
      for (const field of ['id', 'chat', 'sender', 'message_type']) {
        const count = Math.floor((LIMIT - 40) / Buffer.byteLength(filler));
        const one = { bytes: Buffer.from(`{"${field}":"${filler.repeat(count)}"}`), isBinary: false };
        survives(toEnvelope(one), one);
      }
    }
  });

  test('that the broker refused is a rejection that encodes', () => {
    fc.assert(
      fc.property(frame, fc.string({ unit: 'binary' }), (one, reason) => {
        const rejected = toRejected(one, RECEIPT, { code: 105, reason }, { stream: 's', streamEpoch: 'e', seq: 2 });
        expect(REJECTED.fromBuffer(REJECTED.toBuffer(rejected))).toMatchObject({
          code: 105,
          sizeBytes: one.bytes.length,
        });
      }),
    );
  });
});
