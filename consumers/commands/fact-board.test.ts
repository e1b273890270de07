import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from '../../service/logger.ts';
import { FactBoard, type FactSources } from './fact-board.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function board(sources: Partial<FactSources>): FactBoard {
  return new FactBoard({
    sources: sources as FactSources,
    logger: createLogger('test', 'silent'),
    maxAgeMs: 2_000,
    timeoutMs: 1_000,
  });
}

it('asks a source once for many commands, and again when its answer is old', async () => {
  let asked = 0;
  const facts = board({ stored: () => Promise.resolve(BigInt((asked += 1))) });
  const both = await Promise.all([facts.read(['stored']), facts.read(['stored'])]);
  expect(both).toEqual([{ stored: 1n }, { stored: 1n }]);
  await vi.advanceTimersByTimeAsync(1_999);
  expect(await facts.read(['stored'])).toEqual({ stored: 1n });
  await vi.advanceTimersByTimeAsync(1);
  expect(await facts.read(['stored'])).toEqual({ stored: 2n });
});

it('asks again when an answer is old, also behind a clock that is set back', async () => {
  let asked = 0;
  const facts = board({ stored: () => Promise.resolve(BigInt((asked += 1))) });
  expect(await facts.read(['stored'])).toEqual({ stored: 1n });
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await facts.read(['stored'])).toEqual({ stored: 2n });
});

it('asks only for what is needed', async () => {
  const services = vi.fn<FactSources['services']>();
  expect(await board({ services, clusterId: () => Promise.resolve('c') }).read(['clusterId'])).toEqual({
    clusterId: 'c',
  });
  expect(services).not.toHaveBeenCalled();
});

it('gives up on a source that hangs after a second, and never asks it twice at a time', async () => {
  const answers: ((value: bigint) => void)[] = [];
  const stored = vi.fn<FactSources['stored']>(() => new Promise((resolve) => answers.push(resolve)));
  const facts = board({ stored, clusterId: () => Promise.resolve('c') });
  const first = facts.read(['stored', 'clusterId']);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await first).toEqual({ stored: undefined, clusterId: 'c' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await facts.read(['stored'])).toEqual({ stored: undefined });
  expect(stored).toHaveBeenCalledTimes(1);
  answers[0]?.(7n);
  await vi.advanceTimersByTimeAsync(0);
  const again = facts.read(['stored']);
  answers[1]?.(8n);
  expect(await again).toEqual({ stored: 8n });
});

it('takes a source that fails for unknown', async () => {
  const facts = board({ services: () => Promise.reject(new Error('refused')), stored: () => Promise.resolve(3n) });
  expect(await facts.read(['services', 'stored'])).toEqual({ services: undefined, stored: 3n });
});
