import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { LogClients } from '../../kafka/connect.ts';
import type { LogAdmin, ReaderOptions } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { steadyClock } from '../../service/clock.ts';
import { communicatorMetrics } from './metrics.ts';
import { sockets } from './scripted-socket.testing.ts';
import type { SessionDeps } from './session-options.ts';
import { SourceLinks } from './source-links.ts';
import { joinOwnership } from './source-ownership.ts';
import { namedSources } from './sources.ts';

const opened: ReaderOptions[] = [];

vi.mock('../../kafka/connect.ts', () => ({
  openReader: (_clients: unknown, options: ReaderOptions) => {
    opened.push(options);
    return Promise.resolve({});
  },
}));
vi.mock('ws', async () => ({ default: (await import('./scripted-socket.testing.ts')).ScriptedSocket }));

const PARTITIONS = 6;
const A = 'chat-a:1';
const B = 'chat-b:1';
const [OF_A, OF_B] = [partitionFor(A, PARTITIONS), partitionFor(B, PARTITIONS)];

beforeEach(() => {
  sockets.length = 0;
});

/** A communicator with this list: what the group gives it, and what it shows of its sources. */
async function member(...list: readonly string[]) {
  const links = new SourceLinks({
    sources: namedSources(list.map((name) => `ws://${name}`)),
    // Nobody that is dialled here says anything.
    session: {} as SessionDeps,
    spool: { add: () => undefined },
    downward: {
      expect: () => Promise.resolve(),
      attach: () => new Promise(() => undefined),
      begin: () => undefined,
      detach: () => undefined,
    },
    saved: { save: () => Promise.resolve(), forget: () => undefined },
    checkpoints: { source: () => undefined },
    rate: undefined,
    clock: steadyClock,
    logger: pino({ level: 'silent' }),
    metrics: communicatorMetrics(new Registry()),
  });
  onTestFinished(() => links.stop());
  await joinOwnership({
    clients: {} as LogClients,
    admin: {} as LogAdmin,
    partitions: PARTITIONS,
    sources: list,
    dialled: {
      held: new Set(),
      take: (name) => links.take(name),
      letGo: (name) => links.letGo(name),
      assigned: () => links.assigned(),
      hold: () => undefined,
    },
    stopping: new AbortController().signal,
    onFatal: (error) => expect.fail(error.message),
  });
  const reader = opened.at(-1);
  const assign = async (...partitions: readonly number[]): Promise<void> => {
    reader?.onAssigned?.(
      partitions.map((partition) => ({ topic: TOPIC.sources, partition })),
      1,
    );
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { assign, shown: () => links.facts().map(({ name, state }) => `${name} ${state}`) };
}

test('a source that is given to another is shown as such, from the first assignment on, until it is ours', async () => {
  expect(OF_A).not.toBe(OF_B);
  const [one, other] = [await member(A, B), await member(A, B)];
  expect(one.shown()).toEqual([]);
  await one.assign(OF_A);
  await other.assign(OF_B);
  expect(one.shown()).toEqual([`${A} dialling`, `${B} elsewhere`]);
  expect(other.shown()).toEqual([`${B} dialling`, `${A} elsewhere`]);
  await one.assign(OF_B);
  expect(one.shown()).toEqual([`${B} dialling`, `${A} elsewhere`]);
  await one.assign(OF_A, OF_B);
  expect(one.shown()).toEqual([`${B} dialling`, `${A} dialling`]);
});

test('a source that the other has not in its list may be dialled by nobody, and then is shown as elsewhere by all', async () => {
  const [one, other] = [await member(A), await member(B)];
  await one.assign(OF_B);
  await other.assign(OF_A);
  expect([one.shown(), other.shown(), sockets]).toEqual([[`${A} elsewhere`], [`${B} elsewhere`], []]);
});
