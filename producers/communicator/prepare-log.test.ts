import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Codec } from '../../kafka/codec.ts';
import type { LogClients } from '../../kafka/connect.ts';
import type { LogAdmin } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { PmcError } from '../../service/errors.ts';
import { Health } from '../../service/health.ts';
import { prepareLog, startWithin } from './prepare-log.ts';

/** What the broker answers, one after the other; nothing more is well. */
const answers: PmcError[] = [];
vi.mock('../../kafka/connect.ts', () => ({
  checkCluster: () => {
    const failure = answers.shift();
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  },
}));
vi.mock('../../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const AWAY = new PmcError('PMC_KAFKA_UNREACHABLE', 'the log is away');
const REFUSED = new PmcError('PMC_KAFKA_INCOMPATIBLE', 'the broker is too old');

let health: Health;
/** What was said while it was away, and what was set. */
let told: string[];

beforeEach(() => {
  answers.length = 0;
  health = new Health();
  told = [];
});

function prepared(committed = new Map([[0, 15n]])) {
  const end = { logStart: 10n, lastStable: 20n, highWatermark: 20n };
  const admin = {
    topics: (topics: readonly string[]) =>
      Promise.resolve(topics.map((topic) => ({ topic, incarnation: `of ${topic}`, partitions: [{}, {}] }))),
    cluster: () => Promise.resolve({ clusterId: 'c' }),
    ends: () => Promise.resolve(new Map([[0, end]])),
    committed: () => Promise.resolve(committed),
    setCommitted: (group: string, topic: string, start: ReadonlyMap<number, bigint>) => {
      told.push(`${group} in ${topic} from ${[...start.values()].join()}`);
      return Promise.resolve();
    },
  } as unknown as LogAdmin;
  const codec = { prepare: () => Promise.resolve() } as unknown as Codec;
  const context = {
    name: 'communicator',
    logger: pino({ level: 'silent' }),
    health,
    metrics: new Registry(),
    fail: () => expect.fail(),
    stopping: new AbortController().signal,
  };
  return prepareLog({} as LogClients, admin, codec, { ...context, clock: { nowMs: () => 0 } }, 'one', () => {
    told.push(`away, ready: ${health.report().checks['log']?.ready}`);
  });
}

describe('before anything is taken', () => {
  test('the log says how many partitions there are and where the reading begins', async () => {
    const { partitions, outgoing } = await prepared();
    expect([...partitions]).toEqual(
      [TOPIC.incoming, TOPIC.rejected, TOPIC.sources, TOPIC.outgoing].map((one) => [one, 2]),
    );
    expect(outgoing).toEqual({ logEpoch: `c/of ${TOPIC.outgoing}`, start: new Map([[0, 15n]]) });
    expect([told, health.ready]).toEqual([[], true]);
  });

  test('a log that is away is waited for, and said to be away at each attempt', async () => {
    answers.push(AWAY, AWAY, AWAY);
    await prepared();
    expect([told, answers, health.ready]).toEqual([Array(3).fill('away, ready: false'), [], true]);
  });

  test('what waiting does not cure is thrown, at once or later, and nobody is told that the log is away', async () => {
    answers.push(REFUSED);
    await expect(prepared()).rejects.toBe(REFUSED);
    expect(told).toEqual([]);
    answers.push(AWAY, REFUSED);
    await expect(prepared()).rejects.toBe(REFUSED);
    expect([told.length, health.ready]).toEqual([1, false]);
  });

  test('a position that is not on the log is set right for the group', async () => {
    await prepared(new Map([[0, 99n]]));
    await prepared(new Map());
    expect(told).toEqual(Array.from({ length: 2 }, () => `pmc-communicator.one in ${TOPIC.outgoing} from 20`));
  });
});

describe('reading begins', () => {
  const end = { logStart: 10n, lastStable: 20n, highWatermark: 20n };
  const ends = new Map([0, 1, 2, 3].map((partition) => [partition, end]));

  test('where it was, and on the log: not before it, not beyond it; a partition that was added since at its beginning', () => {
    const committed = new Map([
      [0, 15n],
      [1, 3n],
      [2, 99n],
    ]);
    expect([...startWithin(ends, committed).values()]).toEqual([15n, 10n, 20n, 10n]);
  });

  test('at the end where it never was', () => {
    expect([...startWithin(ends, new Map()).values()]).toEqual([20n, 20n, 20n, 20n]);
  });
});
