import { describe, expect, it } from 'vitest';
import { ready } from './observation.testing.ts';
import { NO_RATES, type RateMemory, takeRates } from './rates.ts';

const pids = (pid: number): ReadonlyMap<string, number> => new Map([['communicator', pid]]);

function received(memory: RateMemory, count: number, atMs: number, pid = 1) {
  const taken = takeRates(memory, new Map([['communicator', ready({ framesReceived: count }, atMs)]]), pids(pid));
  return { ...taken, rate: taken.rates.find(({ key }) => key === 'received') };
}

describe('rates', () => {
  it('knows nothing from one reading', () => {
    expect(received(NO_RATES, 50, 0).rate).toMatchObject({ perSecond: null, total: 50, samples: [null] });
  });

  it('divides the difference by the time that really passed', () => {
    const first = received(NO_RATES, 50, 0);
    expect(received(first.memory, 60, 2_000).rate).toMatchObject({ perSecond: 5, samples: [null, 5] });
  });

  it('shows the mean of the newest five samples', () => {
    let last = received(NO_RATES, 0, 0);
    for (const [index, count] of [100, 110, 120, 130, 140, 150].entries()) {
      last = received(last.memory, count, (index + 1) * 1_000);
    }
    expect(last.rate?.perSecond).toBe(10);
  });

  it('is unknown, not negative, when a counter went back', () => {
    const first = received(NO_RATES, 50, 0);
    expect(received(first.memory, 3, 1_000).rate).toMatchObject({ perSecond: null, total: 3, samples: [null, null] });
  });

  it('is unknown across a restart even when the new process has already counted further', () => {
    const first = received(NO_RATES, 5, 0, 1);
    expect(received(first.memory, 500, 1_000, 2).rate?.perSecond).toBeNull();
  });

  it('is unknown when the clock went back or the readings are too far apart', () => {
    const first = received(NO_RATES, 5, 10_000);
    expect(received(first.memory, 6, 9_000).rate?.perSecond).toBeNull();
    expect(received(first.memory, 6, 60_000).rate?.perSecond).toBeNull();
  });

  it('keeps the history with a gap while a service does not answer', () => {
    const first = received(NO_RATES, 0, 0);
    const second = received(first.memory, 5, 1_000);
    const away = takeRates(second.memory, new Map(), new Map());
    expect(away.rates.find(({ key }) => key === 'received')).toMatchObject({
      perSecond: null,
      samples: [null, 5, null],
    });
  });

  it('keeps at most 120 samples', () => {
    let last = received(NO_RATES, 0, 0);
    for (let second = 1; second <= 130; second += 1) last = received(last.memory, second, second * 1_000);
    expect(last.rate?.samples).toHaveLength(120);
  });

  it('leaves out services that do not exist here', () => {
    expect(received(NO_RATES, 1, 0).rates.some(({ service }) => service === 'chaos-socket')).toBe(false);
  });
});
