import avro from 'avsc';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AVRO_SCHEMAS, type IncomingEvent, type SchemaName } from '../schemas/generated.ts';
import { TOPIC, type TopicName } from '../schemas/topics.ts';
import { incomingEvent } from '../test/support/incoming-events.ts';
import { Codec } from './codec.ts';
import { RegistryInMemory, registry, registryAnswer, registryLacks } from './registry-in-memory.testing.ts';
import { SCHEMA_OF_TOPIC } from './schema-registration.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('./registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const URL = 'http://registry';
const EVENT = incomingEvent({ event: 'message', id: 'm1' }, { id: 'm1', chat: 'c1', ingestSeq: 7 });

let codec: Codec;

beforeEach(async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ compatibilityLevel: 'BACKWARD' })));
  codec = new Codec(URL);
  await codec.prepare([TOPIC.incoming, TOPIC.sources]);
});

afterEach(() => {
  registry.failWith(undefined);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function withId(bytes: Buffer, id: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeInt32BE(id, 1);
  return changed;
}

describe('the codec', () => {
  test('writes a zero byte, the schema id and Avro', () => {
    const bytes = codec.encode(TOPIC.incoming, EVENT);
    expect(bytes.readUInt8(0)).toBe(0);
    expect(bytes.readInt32BE(1)).toBe(registry.idOf(JSON.stringify(AVRO_SCHEMAS.IncomingEvent)));
  });

  test('gives back what was encoded, with every byte of the payload', async () => {
    const payload = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    const text = fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme' }));
    await fc.assert(
      fc.asyncProperty(payload, text, text, fc.nat(2 ** 53 - 2), async (bytes, id, chat, ingestSeq) => {
        const event = incomingEvent(bytes, { id, chat, ingestSeq });
        const decoded = await new Codec(URL).decode(TOPIC.incoming, codec.encode(TOPIC.incoming, event));
        expect(decoded).toEqual({ ok: true, value: expect.objectContaining({ id, chat, ingestSeq }) });
        expect(decoded.ok && decoded.value.payload.equals(bytes)).toBe(true);
      }),
    );
  });

  test('leaves values as they are that it gave before, whatever their sizes', async () => {
    const sizes = [10, 65_400, 300, 65_521, 65_536, 1, 200_000, 30_000, 30_000, 30_000, 0];
    const values = sizes.map((size, index) => {
      const payload = Buffer.alloc(size, index + 1);
      return { payload, encoded: codec.encode(TOPIC.incoming, incomingEvent(payload, {})) };
    });
    for (const { payload, encoded } of values) {
      const decoded = await codec.decode(TOPIC.incoming, encoded);
      expect(decoded.ok && decoded.value.payload.equals(payload)).toBe(true);
    }
  });

  test('asks for a schema once, also when many records wait for it', async () => {
    const fresh = new Codec(URL);
    const bytes = codec.encode(TOPIC.incoming, EVENT);
    const before = registry.asked;
    await Promise.all(Array.from({ length: 20 }, () => fresh.decode(TOPIC.incoming, bytes)));
    expect(registry.asked - before).toBe(1);
  });

  test('reads what an older schema wrote, with the defaults of what it lacked', async () => {
    const { fields } = AVRO_SCHEMAS.IncomingEvent;
    const older = { ...AVRO_SCHEMAS.IncomingEvent, fields: fields.filter(({ name }) => name !== 'type') };
    const writer = (await import('avsc')).default.Type.forSchema(older as never);
    const body = writer.toBuffer(EVENT);
    const header = withId(codec.encode(TOPIC.incoming, EVENT), registry.idOf(JSON.stringify(older))).subarray(0, 5);
    const decoded = await codec.decode(TOPIC.incoming, Buffer.concat([header, body]));
    expect(decoded).toMatchObject({ ok: true, value: { id: 'm1', type: null, ingestSeq: 7 } });
  });

  test('row 34 · how an older schema is read is worked out once, however many records it wrote', async () => {
    const { fields } = AVRO_SCHEMAS.IncomingEvent;
    const older = { ...AVRO_SCHEMAS.IncomingEvent, fields: fields.filter(({ name }) => name !== 'actor') };
    const { Type } = (await import('avsc')).default;
    const body = Type.forSchema(older as never).toBuffer(EVENT);
    const header = withId(codec.encode(TOPIC.incoming, EVENT), registry.idOf(JSON.stringify(older))).subarray(0, 5);
    const bytes = Buffer.concat([header, body]);
    const resolved = vi.spyOn(Type.prototype, 'createResolver');
    const parsed = vi.spyOn(Type, 'forSchema');
    const decode = async () => expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
    await decode();
    const once = { resolved: resolved.mock.calls.length, parsed: parsed.mock.calls.length };
    for (let count = 0; count < 1_000; count += 1) await decode();
    const often = { resolved: resolved.mock.calls.length, parsed: parsed.mock.calls.length };
    resolved.mockRestore();
    parsed.mockRestore();
    expect(once.resolved).toBeGreaterThan(0);
    expect(often).toEqual(once);
  });

  test('tells what this version wrote from what another one did, once it has been asked', async () => {
    const { fields } = AVRO_SCHEMAS.IncomingEvent;
    const older = { ...AVRO_SCHEMAS.IncomingEvent, fields: fields.filter(({ name }) => name !== 'chat') };
    const own = codec.encode(TOPIC.incoming, EVENT);
    const others = withId(own, registry.idOf(JSON.stringify(older)));
    expect(codec.isOfThisVersion(TOPIC.incoming, own)).toBe(false);
    for (const bytes of [own, others]) await codec.decode(TOPIC.incoming, bytes);
    expect(
      [own, others, own.subarray(0, 4), Buffer.from('{"event":1}'), Buffer.alloc(0)].map((bytes) => {
        return codec.isOfThisVersion(TOPIC.incoming, bytes);
      }),
    ).toEqual([true, false, false, false, false]);
    expect(codec.isOfThisVersion(TOPIC.sources, own)).toBe(false);
  });

  test('refuses to encode for a topic it was not prepared for', () => {
    expect(() => codec.encode(TOPIC.outgoing, {} as never)).toThrow(/not prepared/);
  });
});

describe('a value that can never be decoded', () => {
  const malformed: readonly (readonly [string, (bytes: Buffer) => Buffer | null])[] = [
    ['no value', () => null],
    ['no bytes', () => Buffer.alloc(0)],
    ['half a header', (bytes) => bytes.subarray(0, 4)],
    ['a header alone', (bytes) => bytes.subarray(0, 5)],
    ['another magic byte', (bytes) => Buffer.concat([Buffer.from([1]), bytes.subarray(1)])],
    ['a missing byte', (bytes) => bytes.subarray(0, -1)],
    ['a byte too many', (bytes) => Buffer.concat([bytes, Buffer.from([0])])],
    ['JSON', () => Buffer.from('{"event":"message"}')],
  ];

  test.each(malformed)('is data: %s', async (_name, spoil) => {
    const decoded = await codec.decode(TOPIC.incoming, spoil(codec.encode(TOPIC.incoming, EVENT)));
    expect(decoded).toMatchObject({
      ok: false,
      error: { code: 'PMC_CODEC_MALFORMED', details: { topic: TOPIC.incoming } },
    });
  });

  const SCHEMAS = Object.entries(SCHEMA_OF_TOPIC) as readonly (readonly [TopicName, SchemaName])[];
  test.each(SCHEMAS)('never throws, whatever the bytes on %s are', async (topic, schema) => {
    const id = registry.idOf(JSON.stringify(AVRO_SCHEMAS[schema]));
    // Zeros are what most fields may be; what begins with high bits is a large number.
    const byte = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.constantFrom(0x80, 0xff, 2), fc.nat(255));
    const bytes = fc.array(byte, { maxLength: 300 }).map((body) => withId(Buffer.from([0, 0, 0, 0, 0, ...body]), id));
    await fc.assert(
      fc.asyncProperty(bytes, async (value) => {
        const decoded = await codec.decode(topic, value);
        if (!decoded.ok) expect(decoded.error.code).toBe('PMC_CODEC_MALFORMED');
      }),
      { numRuns: 500 },
    );
  });

  // Each would be made, far past the end of the bytes: more than a process has memory for.
  test('row 20 · is data when it claims to be a checkpoint with two thousand million ends', async () => {
    const id = registry.idOf(JSON.stringify(AVRO_SCHEMAS.SourceCheckpoint));
    const upToEnds = [0, 0, 0, 0, 0, 0, 0, 0];
    const count = avro.Type.forSchema('long').toBuffer(2 ** 31);
    const value = withId(Buffer.from([0, 0, 0, 0, 0, ...upToEnds, ...count]), id);
    expect(await codec.decode(TOPIC.sources, value)).toMatchObject({
      ok: false,
      error: {
        code: 'PMC_CODEC_MALFORMED',
        cause: { message: expect.stringContaining('a block of 2147483648 items') },
      },
    });
  });

  test('is data when no registry knows its schema, and is asked again only after a while', async () => {
    vi.useFakeTimers();
    const bytes = withId(codec.encode(TOPIC.incoming, EVENT), 999);
    const before = registry.asked;
    for (let times = 0; times < 3; times += 1) {
      const error = { code: 'PMC_CODEC_UNKNOWN_SCHEMA', details: { schemaId: 999 } };
      expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: false, error });
    }
    expect(registry.asked - before).toBe(1);
    vi.advanceTimersByTime(60_000);
    await codec.decode(TOPIC.incoming, bytes);
    expect(registry.asked - before).toBe(2);
  });

  test('is data when it was written with the schema of something else', async () => {
    const checkpoint = withId(
      codec.encode(TOPIC.incoming, EVENT),
      registry.idOf(JSON.stringify(AVRO_SCHEMAS.Dispatch)),
    );
    expect(await codec.decode(TOPIC.incoming, checkpoint)).toMatchObject({ ok: false });
  });
});

describe('a registry that is away', () => {
  test.each([
    ['a refused connection', registryAnswer(400)],
    ['a broken answer', new SyntaxError('unexpected token')],
    ['an internal error', registryAnswer(500)],
  ])('is thrown as such and asked again: %s', async (_name, error) => {
    const bytes = codec.encode(TOPIC.incoming, EVENT);
    const fresh = new Codec(URL);
    registry.failWith(error);
    await expect(fresh.decode(TOPIC.incoming, bytes)).rejects.toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE' });
    await expect(fresh.prepare([TOPIC.incoming])).rejects.toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE' });
    registry.failWith(undefined);
    expect(await fresh.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
  });

  test('row 33 · is thrown when it does not answer at all', async () => {
    vi.useFakeTimers();
    const never = vi.spyOn(RegistryInMemory.prototype, 'getSchema').mockReturnValue(new Promise(() => undefined));
    const bytes = codec.encode(TOPIC.incoming, EVENT);
    const answer = expect(new Codec(URL).decode(TOPIC.incoming, bytes)).rejects.toMatchObject({
      code: 'PMC_REGISTRY_UNREACHABLE',
    });
    await vi.advanceTimersByTimeAsync(10_000);
    await answer;
    never.mockRestore();
  });

  test('says which schema it lacks', async () => {
    registry.failWith(registryLacks());
    await expect(new Codec(URL).prepare([TOPIC.sources])).rejects.toMatchObject({
      code: 'PMC_SCHEMA_NOT_REGISTERED',
      details: { subject: 'pmc.sources-value' },
    });
  });

  test('is away, also where something else answers 404 in its place', async () => {
    const bytes = codec.encode(TOPIC.incoming, EVENT);
    registry.failWith(registryAnswer(404));
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<h1>default backend</h1>', { status: 404 })));
    await expect(new Codec(URL).decode(TOPIC.incoming, bytes)).rejects.toMatchObject({
      code: 'PMC_REGISTRY_UNREACHABLE',
      message: expect.stringContaining('no schema registry'),
    });
  });
});

// Typed so that a new field of the envelope fails here first.
const COMPLETE: Required<IncomingEvent> = EVENT;
test('the fixture has every field of the schema', () => {
  expect(Object.keys(COMPLETE).sort()).toEqual(AVRO_SCHEMAS.IncomingEvent.fields.map(({ name }) => name).sort());
});
