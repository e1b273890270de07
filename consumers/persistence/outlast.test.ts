import pg from 'pg';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { isCuredByWaiting, type OutlastOptions, outlast } from './outlast.ts';

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('refused', 0, 'error');
  error.code = code;
  return error;
}

function watched(signal: AbortSignal = new AbortController().signal) {
  const health: string[] = [];
  const retries: string[] = [];
  const options: OutlastOptions = {
    server: 'database',
    signal,
    backoff: { initialMs: 1, maxMs: 1 },
    logger: pino({ level: 'silent' }),
    fields: {},
    report: (check, ready) => void health.push(`${check} ${ready}`),
    onRetry: (sqlStateClass) => void retries.push(sqlStateClass),
  };
  return { health, retries, options };
}

test('repeats until the server is back, says so meanwhile, and is ready again', async () => {
  const { health, retries, options } = watched();
  const failures = [databaseError('57P03'), databaseError('40001'), new Error('Connection terminated unexpectedly')];
  const result = await outlast(() => {
    const failure = failures.shift();
    return failure === undefined ? Promise.resolve('stored') : Promise.reject(failure);
  }, options);
  expect(result).toBe('stored');
  expect(retries).toEqual(['57', '40', 'none']);
  expect(health).toEqual(['database false', 'database false', 'database false', 'database true']);
});

test('ends with the error when the signal aborts during the pause', async () => {
  const abort = new AbortController();
  const { options } = watched(abort.signal);
  const gone = new Error('connect ECONNREFUSED');
  let attempts = 0;
  const failing = (): Promise<never> => {
    attempts += 1;
    return Promise.reject(gone);
  };
  const waiting = outlast(failing, {
    ...options,
    backoff: { initialMs: 1_000_000, maxMs: 1_000_000 },
    onRetry: () => abort.abort(),
  });
  await expect(waiting).rejects.toBe(gone);
  expect(attempts).toBe(1);
});

test.each([
  ['during the pause', 1],
  ['during an attempt', 2],
])('takes back that it waits when the signal aborts %s: nobody else would', async (_when, attemptsMax) => {
  const abort = new AbortController();
  const { health, options } = watched(abort.signal);
  let attempts = 0;
  const failing = (): Promise<never> => {
    attempts += 1;
    if (attempts === 2) abort.abort();
    return Promise.reject(new Error('connect ECONNREFUSED'));
  };
  const onRetry = (): void => {
    if (attemptsMax === 1) abort.abort();
  };
  await expect(outlast(failing, { ...options, onRetry })).rejects.toThrow('ECONNREFUSED');
  expect(attempts).toBe(attemptsMax);
  expect(health).toEqual(['database false', 'database true']);
});

test('takes it back, too, when the server answers what waiting cannot cure', async () => {
  const { health, options } = watched();
  const failures = [databaseError('57P03'), new PmcError('PMC_PERSISTENCE_BREAKER', '')];
  await expect(outlast(() => Promise.reject(failures.shift() as Error), options)).rejects.toMatchObject({
    code: 'PMC_PERSISTENCE_BREAKER',
  });
  expect(health).toEqual(['database false', 'database true']);
});

test('calls a server that is broken off no trouble when it was the signal that broke it off', async () => {
  const abort = new AbortController();
  const { health, retries, options } = watched(abort.signal);
  const gone = new Error('Connection terminated');
  const broken = outlast(() => {
    abort.abort();
    return Promise.reject(gone);
  }, options);
  await expect(broken).rejects.toBe(gone);
  expect([health, retries]).toEqual([[], []]);
});

test.each([
  ['a data error', databaseError('22P02'), false],
  ['a broken constraint', databaseError('23505'), false],
  ['a full disk', databaseError('53100'), true],
  ['a missing table (not migrated yet)', databaseError('42P01'), true],
  ['a lost connection', new Error('Connection terminated'), true],
  ['a registry that is away', new PmcError('PMC_REGISTRY_UNREACHABLE', ''), true],
  ['the breaker', new PmcError('PMC_PERSISTENCE_BREAKER', ''), false],
  ['a log that was rewritten', new PmcError('PMC_LOG_REWRITTEN', ''), false],
  ['a defect', new TypeError('x is not a function'), false],
])('%s: is waiting the cure?', (_what, error, expected) => {
  expect(isCuredByWaiting(error)).toBe(expected);
});
