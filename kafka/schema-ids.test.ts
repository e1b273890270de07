import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AVRO_SCHEMAS } from '../schemas/generated.ts';
import { TOPIC } from '../schemas/topics.ts';
import type { PmcError } from '../service/errors.ts';
import { createLogger } from '../service/logger.ts';
import { incomingEvent } from '../test/support/incoming-events.ts';
import { Codec } from './codec.ts';
import { registry, registryAnswer, registryLacks } from './registry-in-memory.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('./registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const URL = 'http://user:secret@registry/';
const EVENT = incomingEvent({ event: 'message', id: 'm1' }, { id: 'm1', chat: 'c1', ingestSeq: 7 });
const OTHER = JSON.stringify(AVRO_SCHEMAS.Dispatch);

const logger = createLogger('test', 'silent');
const warned = vi.spyOn(logger, 'warn');
const said = vi.spyOn(logger, 'error');
const lost = vi.fn<(error: PmcError) => void>();

let cacheFolder: string;

beforeEach(() => {
  cacheFolder = mkdtempSync(join(tmpdir(), 'pmc-schemas-'));
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ compatibilityLevel: 'BACKWARD' })));
});

afterEach(() => {
  registry.failWith(undefined);
  registry.empty();
  rmSync(cacheFolder, { recursive: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.clearAllMocks();
});

function start(url = URL): Codec {
  return new Codec(url, { cacheFolder, logger, onWriterLost: lost });
}

/** What a process of an earlier day wrote, and with it kept. */
async function earlier(): Promise<Buffer> {
  const codec = start();
  await codec.prepare([TOPIC.incoming]);
  return codec.encode(TOPIC.incoming, EVENT);
}

function files(): readonly string[] {
  const [folder = ''] = readdirSync(cacheFolder);
  return readdirSync(join(cacheFolder, folder)).map((name) => join(cacheFolder, folder, name));
}

describe('with the registry away', () => {
  test('row 33 · a process that begins encodes and decodes what one before it did', async () => {
    const bytes = await earlier();
    registry.failWith(registryAnswer(400));
    const codec = start();
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true, value: { id: 'm1' } });
    await codec.prepare([TOPIC.incoming]);
    expect(codec.encode(TOPIC.incoming, EVENT)).toEqual(bytes);
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ id: 1 }), 'codec.schema.unconfirmed');
  });

  test('what was only read is kept too', async () => {
    const bytes = await earlier();
    for (const file of files()) rmSync(file);
    expect(await start().decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
    registry.failWith(registryAnswer(503));
    expect(await start().decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
  });

  test('a process that was never told waits', async () => {
    const bytes = await earlier();
    registry.failWith(registryAnswer(400));
    const away = { code: 'PMC_REGISTRY_UNREACHABLE' };
    await expect(start().prepare([TOPIC.sources])).rejects.toMatchObject(away);
    await expect(start('http://another').decode(TOPIC.incoming, bytes)).rejects.toMatchObject(away);
  });

  test.each([
    ['is half written', () => '{"version":1,'],
    ['is of another version', (text: string) => text.replace('"version": 1', '"version": 2')],
    ['is of another registry', (text: string) => text.replace('http://registry', 'http://elsewhere')],
    ['has the name of another id', (text: string) => text.replace('"id": 1', '"id": 2')],
    ['has no schema', (text: string) => text.replace('"record"', '"rocket"')],
  ])('a file that %s counts as not there, and is said', async (_name, spoil) => {
    const bytes = await earlier();
    const { readFileSync } = await import('node:fs');
    for (const file of files()) writeFileSync(file, spoil(readFileSync(file, 'utf8')));
    registry.failWith(registryAnswer(400));
    await expect(start().decode(TOPIC.incoming, bytes)).rejects.toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE' });
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ file: files()[0] }), 'codec.schema.ignored');
    registry.failWith(undefined);
    await earlier();
    registry.failWith(registryAnswer(400));
    expect(await start().decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
  });

  test('a folder that cannot be made is said, and the registry is asked', async () => {
    const bytes = await earlier();
    const codec = new Codec(URL, { cacheFolder: '/proc/none', logger });
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
    expect(warned.mock.calls.map(([, event]) => event)).toEqual(['codec.schemas.unreadable', 'codec.schema.unkept']);
  });

  test('no file says how to log in to the registry', async () => {
    const { readFileSync } = await import('node:fs');
    await earlier();
    expect(files()).toHaveLength(1);
    for (const file of files()) expect(readFileSync(file, 'utf8')).not.toContain('secret');
  });
});

describe('a registry that was emptied and gives its ids again', () => {
  const REUSED = { code: 'PMC_SCHEMA_ID_REUSED', details: expect.objectContaining({ id: 1 }) as unknown };

  test('is not believed, and neither are the files', async () => {
    const bytes = await earlier();
    registry.empty();
    registry.idOf(OTHER);
    const codec = start();
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: false, error: REUSED });
    expect(said).toHaveBeenCalledWith(expect.objectContaining({ id: 1 }), 'codec.schema.disputed');
    // The schema is there again, under another id: that one has a single meaning.
    await codec.prepare([TOPIC.incoming]);
    const now = codec.encode(TOPIC.incoming, EVENT);
    expect(now.readInt32BE(1)).toBe(2);
    expect(await codec.decode(TOPIC.incoming, now)).toMatchObject({ ok: true });
  });

  test('is not written to under an id that meant something else', async () => {
    await earlier();
    registry.empty();
    const codec = start();
    await expect(codec.prepare([TOPIC.outgoing])).rejects.toMatchObject(REUSED);
    expect(() => codec.encode(TOPIC.outgoing, {} as never)).toThrow(/not prepared/);
  });

  test('is found out when it comes back, and what was begun ends', async () => {
    vi.useFakeTimers();
    const bytes = await earlier();
    registry.failWith(registryAnswer(400));
    const codec = start();
    await codec.prepare([TOPIC.incoming]);
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lost).not.toHaveBeenCalled();

    registry.empty();
    registry.idOf(OTHER);
    registry.failWith(undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(lost).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(REUSED));
    expect(codec.isOfThisVersion(TOPIC.incoming, bytes)).toBe(false);
    expect(() => codec.encode(TOPIC.incoming, EVENT)).toThrow(expect.objectContaining(REUSED));
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: false, error: REUSED });
  });

  test('takes nothing from what only the files know', async () => {
    vi.useFakeTimers();
    const bytes = await earlier();
    registry.failWith(registryLacks());
    const codec = start();
    await expect(codec.prepare([TOPIC.incoming])).rejects.toMatchObject({ code: 'PMC_SCHEMA_NOT_REGISTERED' });
    registry.failWith(registryAnswer(404));
    expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
  });
});

test('a registry that comes back and agrees is not asked again', async () => {
  vi.useFakeTimers();
  const bytes = await earlier();
  registry.failWith(registryAnswer(400));
  const codec = start();
  await codec.prepare([TOPIC.incoming]);
  registry.failWith(undefined);
  await vi.advanceTimersByTimeAsync(60_000);
  const before = registry.asked;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(await codec.decode(TOPIC.incoming, bytes)).toMatchObject({ ok: true });
  expect(registry.asked).toBe(before);
  expect(lost).not.toHaveBeenCalled();
});
