import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import type { LogClients } from '../../kafka/connect.ts';
import type { LogAdmin, ReaderOptions } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { joinOwnership } from './source-ownership.ts';

const opened: ReaderOptions[] = [];

vi.mock('../../kafka/connect.ts', () => ({
  openReader: (_clients: unknown, options: ReaderOptions) => {
    opened.push(options);
    return Promise.resolve({});
  },
}));

const PARTITIONS = 6;
const SOURCES = Array.from({ length: 20 }, (_, index) => `chat-${index}:4001`);
const of = (partition: number): readonly string[] =>
  SOURCES.filter((source) => partitionFor(source, PARTITIONS) === partition);

let told: string[];

async function joined(held: readonly string[] = []): Promise<(...partitions: readonly number[]) => void> {
  await joinOwnership({
    clients: { logger: pino({ level: 'silent' }) } as unknown as LogClients,
    admin: {} as LogAdmin,
    partitions: PARTITIONS,
    sources: SOURCES,
    dialled: {
      held: new Set(held),
      take: (source) => void told.push(`+${source}`),
      letGo: (source) => void told.push(`-${source}`),
      assigned: () => void told.push('assigned'),
      hold: () => undefined,
    },
    stopping: new AbortController().signal,
    onFatal: (error) => expect.fail(error.message),
  });
  const reader = opened.at(-1);
  return (...partitions) => {
    told = [];
    reader?.onAssigned?.(
      partitions.map((partition) => ({ topic: TOPIC.sources, partition })),
      1,
    );
  };
}

beforeEach(() => {
  told = [];
});

test('the sources of the partitions that were assigned are taken, each once', async () => {
  const assign = await joined();
  expect(told).toEqual([]);
  // All communicators, and this topic's partitions, are what is shared.
  expect(opened.at(-1)).toMatchObject({ groupId: GROUP.communicator, topics: [TOPIC.sources] });
  assign(0, 1);
  expect([...told].sort()).toEqual(
    [...of(0), ...of(1)]
      .map((source) => `+${source}`)
      .concat('assigned')
      .sort(),
  );
  expect(of(0).length).toBeGreaterThan(0);
  assign(0, 1);
  expect(told).toEqual(['assigned']);
});

test('those of a partition that went elsewhere are let go, and the others stay', async () => {
  const assign = await joined();
  assign(0, 1);
  assign(1, 2);
  const changed = [...of(0).map((source) => `-${source}`), ...of(2).map((source) => `+${source}`)];
  expect([...told].sort()).toEqual([...changed, 'assigned'].sort());
  assign();
  expect(told).toHaveLength(of(1).length + of(2).length + 1);
});

test('every source is dialled by exactly one of two members', async () => {
  const [one, other] = [await joined(), await joined()];
  one(0, 2, 4);
  const first = told;
  other(1, 3, 5);
  const all = [...first, ...told].filter((line) => line !== 'assigned');
  expect([...all].sort()).toEqual(SOURCES.map((source) => `+${source}`).sort());
});

test('of those that are dialled already the first assignment takes away what is not ours', async () => {
  const assign = await joined([...of(0), ...of(3)]);
  assign(0);
  expect(told).toEqual([...of(3).map((source) => `-${source}`), 'assigned']);
});
