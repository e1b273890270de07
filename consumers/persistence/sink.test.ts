// A replay's way to the rows where a server is away: it says so, waits, and ends.
import { expect, onTestFinished, test } from 'vitest';
import type { Decoded } from '../../kafka/codec.ts';
import type { Batch } from '../../kafka/log.ts';
import { createPool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import { openSink, type SinkOptions } from './sink.ts';

const MALFORMED = new PmcError('PMC_CODEC_MALFORMED', 'no magic byte');

function batch(signal = new AbortController().signal): Batch {
  const at = { topic: 'pmc.messages.incoming', partition: 2 };
  const record = { ...at, offset: 100n, timestampMs: 0, key: null, value: Buffer.from('x'), headers: {} };
  const incarnation = '0190a000-0000-7000-8000-000000000001';
  return { ...at, incarnation, generation: 0, records: [record], highWatermark: 1_000n, signal };
}

/** Nothing decodes, and no database answers. A look at the clock takes half a minute. */
function sink(options: Partial<SinkOptions> = {}) {
  const logger = createLogger('test', 'silent');
  const pool = createPool('postgres://nobody@127.0.0.1:1/none', logger, 1);
  onTestFinished(() => pool.end());
  let nowMs = 0;
  const said: string[] = [];
  const decodeEach = (_topic: string, _values: unknown, use: (decoded: Decoded<never>, index: number) => void) => {
    use({ ok: false, error: MALFORMED }, 0);
    return Promise.resolve();
  };
  const store = openSink({
    ...{ pool, logger, codec: { decodeEach }, groupId: 'test' },
    clock: { nowMs: () => (nowMs += 30_000) },
    onWaiting: (text) => void said.push(text),
    ...options,
  });
  return { store, said };
}

test('a registry that stays away is told of at each attempt, and ends it', async () => {
  const away = new PmcError('PMC_REGISTRY_UNREACHABLE', 'no answer');
  const { store, said } = sink({ codec: { decodeEach: () => Promise.reject(away) } });
  await expect(store(batch())).rejects.toMatchObject({ code: 'PMC_REGISTRY_UNREACHABLE', exitCode: 7 });
  expect(said.length).toBeGreaterThan(1);
  expect(said[0]).toBe('registry: waiting, 1 attempts so far: PMC_REGISTRY_UNREACHABLE: no answer');
});

test('a database that stays away does, too', async () => {
  const { store, said } = sink();
  await expect(store(batch())).rejects.toMatchObject({ code: 'PMC_DATABASE_UNREACHABLE', exitCode: 7 });
  expect(said[0]).toMatch(/^database: waiting, 1 attempts so far: .*ECONNREFUSED/);
});

test('what was broken off is not stored, and does not look as if it were', async () => {
  const over = new AbortController();
  const { store } = sink({ onWaiting: () => over.abort(new Error('enough')) });
  await expect(store(batch(over.signal))).rejects.toThrow('enough');
});
