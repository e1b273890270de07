import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { communicatorMetrics } from '../metrics.ts';
import { type Fill, Fullness } from './fullness.ts';

const EMPTY: Fill = { bytes: 0, ageMs: undefined, unsynced: 0 };

let metrics: ReturnType<typeof communicatorMetrics>;
let fullness: Fullness;
let told: string[];

beforeEach(() => {
  metrics = communicatorMetrics(new Registry());
  told = [];
  fullness = new Fullness({
    bytesMax: 1_000,
    ageMaxMs: 1_000,
    unsyncedMax: 1_000,
    logger: pino({ level: 'silent' }),
    metrics,
    pauseSources: () => told.push('pause'),
    resumeSources: () => told.push('resume'),
  });
});

/** What was told since the last time. */
function after(fill: Partial<Fill>): readonly string[] {
  fullness.is({ ...EMPTY, ...fill });
  return told.splice(0);
}

async function reasons(): Promise<object> {
  const { values } = await metrics.spoolPauses.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.reason, value]));
}

describe('sources wait', () => {
  test.each([
    ['bytes', { bytes: 899 }, { bytes: 900 }, { bytes: 801 }, { bytes: 800 }],
    ['age', { ageMs: 999 }, { ageMs: 1_000 }, { ageMs: 801 }, { ageMs: 800 }],
    ['unsynced', { unsynced: 499 }, { unsynced: 500 }, { unsynced: 251 }, { unsynced: 250 }],
  ])('from near a bound of %s on until it is far', async (reason, below, near, notFar, far) => {
    expect([after(below), after(near), after(near), after(notFar), after(below)]).toEqual([[], ['pause'], [], [], []]);
    expect(after(far)).toEqual(['resume']);
    expect([after(below), await reasons()]).toEqual([[], { [reason]: 1 }]);
  });

  test('no longer for a bound that did not make them wait', () => {
    expect(after({ bytes: 900, ageMs: 900, unsynced: 400 })).toEqual(['pause']);
    expect(after({ bytes: 800, ageMs: 999, unsynced: 499 })).toEqual(['resume']);
  });

  test('also for a bound that is reached while they wait for another', async () => {
    expect(after({ bytes: 900 })).toEqual(['pause']);
    expect(after({ bytes: 850, ageMs: 1_000 })).toEqual([]);
    expect(after({ bytes: 0, ageMs: 801 })).toEqual([]);
    expect(after({ bytes: 899, ageMs: 800 })).toEqual(['resume']);
    expect(await reasons()).toEqual({ bytes: 1 });
  });

  test('and what holds for longer is the reason, where two bounds are reached at once', async () => {
    after({ bytes: 900, ageMs: 1_000, unsynced: 500 });
    after(EMPTY);
    after({ ageMs: 1_000, unsynced: 500 });
    expect(await reasons()).toEqual({ bytes: 1, age: 1 });
  });
});
