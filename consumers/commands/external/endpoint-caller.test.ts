// Which endpoint is left alone, and for how long, whatever is done to the wall clock meanwhile.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../service/clock.ts';
import { readDeclarations } from './declaration-text.ts';
import { endpointCaller } from './endpoint-caller.ts';
import { LookupsBusyError } from './names.ts';

const HOUR_MS = 3_600_000;
const PAUSE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** An endpoint that is never reached, for this reason, and how often its name was looked for. */
function away(why: Error) {
  const hook = { method: 'POST', url: 'https://hooks.example/', retries: 0 };
  const breaker = { failures: 2, pause_seconds: PAUSE_MS / 1_000 };
  const text = JSON.stringify({ webhooks: { one: { ...hook, breaker } } });
  const { webhooks } = readDeclarations({ fileName: 'f', text, knownCommands: [], environment: {} });
  const [endpoint] = webhooks;
  if (endpoint === undefined) throw new Error('nothing is declared');
  const resolve = vi.fn(() => Promise.reject(why));
  const call = endpointCaller(endpoint, { clock: systemClock, resolve });
  return { resolve, call: async () => (await call('id', () => undefined)).reason };
}

test.for([
  ['stands', 0],
  ['is set back', -HOUR_MS],
  ['is set forth', HOUR_MS],
] as const)(
  'what failed is left alone for the pause, no longer and no shorter, while the clock %s',
  async ([, movedMs]) => {
    const { call, resolve } = away(new Error('no such name'));
    for (const round of [0, 1]) {
      // The second time it is tried once, and left alone for as long again.
      const tries = round === 0 ? 2 : 1;
      resolve.mockClear();
      for (let failed = 0; failed < tries; failed += 1) expect(await call()).toContain('cannot be resolved');
      vi.setSystemTime(Date.now() + movedMs);
      expect(await call()).toContain('is left alone for 60 s');
      vi.advanceTimersByTime(PAUSE_MS - 1);
      expect(await call()).toContain('is left alone for 60 s');
      expect(resolve).toHaveBeenCalledTimes(tries);
      vi.advanceTimersByTime(1);
    }
  },
);

test('an endpoint whose name was not looked up because of others is not left alone', async () => {
  const { call, resolve } = away(new LookupsBusyError());
  const waits = 'hooks.example cannot be resolved (it is not looked up while other names get no answer)';
  for (let nth = 1; nth <= 5; nth += 1) expect(await call()).toBe(waits);
  expect(resolve).toHaveBeenCalledTimes(5);
});
