import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { Decoded } from '../../kafka/codec.ts';
import type { Batch } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { PmcError } from '../../service/errors.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { asStored } from './copy-rows.ts';
import { type HandleBatchDeps, handleBatch } from './handle-batch.ts';
import { persistenceMetrics } from './metrics.ts';
import type { NewBatch, StoreBatch, StoreOutcome } from './store.ts';

const AWAY = new PmcError('PMC_REGISTRY_UNREACHABLE', 'no answer from the schema registry');

function batchOf(values: readonly string[], signal = new AbortController().signal): Batch {
  const at = { topic: 'pmc.messages.incoming', partition: 2 };
  const records = values.map((value, index) => {
    return { ...at, offset: BigInt(100 + index), timestampMs: 0, key: null, value: Buffer.from(value), headers: {} };
  });
  const incarnation = '0190a000-0000-7000-8000-000000000001';
  return { ...at, incarnation, generation: 1, records, highWatermark: 1_000n, signal };
}

/** Everything is inserted, poisons are quarantined. */
function accepted(batch: StoreBatch): StoreOutcome {
  const { candidates, poisons, upperOffset } = batch;
  const inserted = candidates.map(({ row }) => asStored(row));
  return { inserted, duplicates: 0, quarantined: poisons, replayed: 0, conflicts: [], coveredUpTo: upperOffset };
}

/** A record's value is its payload; `!` does not decode. */
function decode(bytes: Buffer | null): Decoded<IncomingEvent> {
  if (bytes?.toString() === '!') return { ok: false, error: new PmcError('PMC_CODEC_MALFORMED', 'no magic byte') };
  return { ok: true, value: incomingEvent(bytes) };
}

type Use = (decoded: Decoded<IncomingEvent>, index: number) => void;
async function decodeEach(_topic: string, values: readonly (Buffer | null)[], use: Use): Promise<void> {
  for (const [index, value] of values.entries()) use(decode(value), index);
  return await Promise.resolve();
}

const longWay = (write: (batch: StoreBatch) => Promise<StoreOutcome>): HandleBatchDeps['store'] => ({
  isLikelyNew: () => false,
  copy: () => Promise.reject(new Error('not asked for')),
  write,
});

function setup(overrides: Partial<HandleBatchDeps> = {}) {
  const written: StoreBatch[] = [];
  const health: Record<string, boolean> = {};
  const deps: HandleBatchDeps = {
    codec: { decodeEach: decodeEach as never },
    store: longWay((batch) => {
      written.push(batch);
      return Promise.resolve(accepted(batch));
    }),
    onStored: () => undefined,
    metrics: persistenceMetrics(new Registry()),
    logger: pino({ level: 'silent' }),
    clock: { nowMs: () => 0 },
    groupId: 'pmc-persistence',
    limits: { rowsMax: 2, bytesMax: 1_000 },
    backoff: { initialMs: 1, maxMs: 1 },
    report: (check, ready) => void Object.assign(health, { [check]: ready }),
    ...overrides,
  };
  return { written, health, deps };
}

test('every record reaches the store once, in order, in bounded transactions', async () => {
  const { written, deps } = setup();
  await handleBatch(batchOf(['{}', '{"a":1}', '{"a":2}']), deps);
  expect(written.map(({ upperOffset }) => upperOffset)).toEqual([102n, 103n]);
  expect(written.flatMap(({ candidates }) => candidates.map(({ row }) => row.rawPayload))).toEqual([
    '{}',
    '{"a":1}',
    '{"a":2}',
  ]);
  expect(deps.metrics.totals).toMatchObject({ consumed: 3, inserted: 3, quarantined: 0 });
});

test('what cannot be decoded or become a row goes to the store as poison, with its bytes', async () => {
  const { written, deps } = setup();
  await handleBatch(batchOf(['!', 'no json']), deps);
  expect(written).toHaveLength(1);
  expect(written[0]?.candidates).toEqual([]);
  expect(written[0]?.upperOffset).toBe(102n);
  expect(written[0]?.poisons).toMatchObject([
    { offset: 100n, raw: Buffer.from('!'), error: { code: 'PMC_CODEC_MALFORMED' } },
    { offset: 101n, raw: Buffer.from('no json'), error: { code: 'PMC_PERSISTENCE_PAYLOAD' } },
  ]);
  expect(deps.metrics.totals).toMatchObject({ consumed: 2, inserted: 0, quarantined: 2 });
});

describe('records of which nothing is known yet', () => {
  /** What was copied, by offsets; `false` when something stood in the way. */
  function copying(answer: (batch: NewBatch) => boolean) {
    const copied: [bigint, bigint, readonly bigint[]][] = [];
    const { written, deps } = setup();
    const store: HandleBatchDeps['store'] = {
      ...deps.store,
      isLikelyNew: () => true,
      copy: (batch) => {
        const { lower, upperOffset, written: out } = batch;
        copied.push([lower, upperOffset, out.rows.map(({ recordOffset }) => recordOffset)]);
        const outcome = { duplicates: 0, quarantined: [], replayed: 0, conflicts: [], coveredUpTo: upperOffset };
        return Promise.resolve(answer(batch) ? { inserted: out.rows, ...outcome } : undefined);
      },
    };
    return { copied, written, deps: { ...deps, store } };
  }

  test('go the short way, written out once, and are counted', async () => {
    const { copied, written, deps } = copying(() => true);
    await handleBatch(batchOf(['{}', '{"a":1}', '{"a":2}']), deps);
    expect(copied).toEqual([
      [100n, 102n, [100n, 101n]],
      [102n, 103n, [102n]],
    ]);
    expect(written).toEqual([]);
    expect(deps.metrics.totals).toMatchObject({ consumed: 3, inserted: 3 });
  });

  test('go the long way where something stands in the way', async () => {
    const { written, deps } = copying(({ lower }) => lower !== 100n);
    await handleBatch(batchOf(['{}', '{"a":1}', '{"a":2}']), deps);
    expect(written.map(({ candidates }) => candidates.map(({ row }) => row.recordOffset))).toEqual([[100n, 101n]]);
    expect(deps.metrics.totals).toMatchObject({ consumed: 3, inserted: 3 });
  });

  test('go the long way with one that is bad, and so does what has a hole in it', async () => {
    const { copied, written, deps } = copying(() => true);
    await handleBatch(batchOf(['{}', '!']), deps);
    expect(written).toMatchObject([{ candidates: [{ row: { recordOffset: 100n } }], poisons: [{ offset: 101n }] }]);
    const { records, ...batch } = batchOf(['{}', '{"a":1}', '{"a":2}']);
    await handleBatch({ ...batch, records: records.toSpliced(1, 1) }, deps);
    expect(written[1]?.candidates.map(({ row }) => row.recordOffset)).toEqual([100n, 102n]);
    expect(copied).toEqual([]);
  });
});

test('waits for a registry that is away', async () => {
  let isAway = true;
  const { health, deps } = setup({
    codec: {
      decodeEach: ((topic: string, values: readonly (Buffer | null)[], use: Use) =>
        isAway ? Promise.reject(AWAY) : decodeEach(topic, values, use)) as never,
    },
  });
  const seen: boolean[] = [];
  const report = (check: string, ready: boolean): void => {
    if (check === 'registry') seen.push(ready);
    isAway = false;
    Object.assign(health, { [check]: ready });
  };
  await handleBatch(batchOf(['{}']), { ...deps, report });
  expect(seen).toEqual([false, true]);
  expect(deps.metrics.totals).toMatchObject({ retries: 1, inserted: 1 });
});

describe('an error that waiting does not cure', () => {
  const breaker = new PmcError('PMC_PERSISTENCE_BREAKER', 'most are bad');
  const failing = (): Partial<HandleBatchDeps> => ({ store: longWay(() => Promise.reject(breaker)) });

  test('is thrown, so that nothing is committed', async () => {
    const { deps } = setup(failing());
    await expect(handleBatch(batchOf(['{}']), deps)).rejects.toBe(breaker);
    expect(deps.metrics.totals.consumed).toBe(0);
  });

  test('is nobody’s concern once the assignment is lost', async () => {
    const { deps } = setup(failing());
    await expect(handleBatch(batchOf(['{}'], AbortSignal.abort()), deps)).resolves.toBeUndefined();
  });
});

test('gives up waiting when the assignment is lost', async () => {
  const lost = new AbortController();
  const { deps } = setup({
    store: longWay(() => {
      lost.abort();
      return Promise.reject(new Error('Connection terminated'));
    }),
  });
  await expect(handleBatch(batchOf(['{}'], lost.signal), deps)).resolves.toBeUndefined();
  expect(deps.metrics.totals.consumed).toBe(0);
});
