import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { OwnSources } from './own-sources.ts';
import { SpoolThread } from './spool-thread.ts';
import { eventsOf, IN_FLIGHT_MAX, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let path: string;

beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'spool-')), 'spool.sqlite');
});

afterEach(() => {
  rmSync(join(path, '..'), { recursive: true, force: true });
});

test('nothing is handed on before the log knows this epoch, and all of it in order afterwards', async () => {
  const log = new ScriptedAppender();
  const left = await Spooling.open({ path, epoch: 'e1', log });
  left.add('a', 1);
  await left.spool.synced();
  left.spool.tick();
  await left.kill();
  const one = await Spooling.open({ path, epoch: 'e2', log });
  for (let number = 2; number <= 3 * IN_FLIGHT_MAX; number += 1) one.add('a', number);
  await one.spool.synced();
  for (let round = 0; round < 5; round += 1) {
    one.spool.tick();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect([log.appends.length, one.closings, one.spool.isBehind, one.ingest.inMemory]).toEqual([0, [], true, 0]);
  one.spool.start();
  await one.settle();
  const numbers = (await eventsOf(log)).map(({ id }) => Number(id?.slice(1)));
  expect(numbers).toEqual(Array.from({ length: 3 * IN_FLIGHT_MAX }, (_, index) => index + 1));
  expect(one.closings.map(({ row }) => row.epoch)).toEqual(['e1']);
  await one.end();
});

test('an epoch before this one of which nothing is left is closed on the log alone, and not before it is there', async () => {
  const log = new ScriptedAppender();
  const left = await Spooling.open({ path, epoch: 'e1', log });
  left.spool.start();
  left.add('a', 1);
  await left.settle();
  await left.kill();
  const one = await Spooling.open({ path, epoch: 'e2', log });
  for (let round = 0; round < 5; round += 1) {
    one.spool.tick();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(one.closings).toEqual([]);
  one.spool.start();
  await one.settle();
  expect(one.closings.map(({ row }) => [row.epoch, row.settledUpTo])).toEqual([['e1', 1]]);
  await one.end();
});

test('what comes while that is read again stands behind it, also where there is room', async () => {
  const log = new ScriptedAppender();
  const one = await Spooling.open({ path, epoch: 'e1', log });
  one.add('a', 1);
  await one.spool.synced();
  let isRead = (): void => undefined;
  one.reads = new Promise((resolve) => (isRead = resolve));
  one.spool.start();
  one.add('a', 2);
  await one.spool.synced();
  expect(log.appends).toEqual([]);
  isRead();
  await one.settle();
  expect((await eventsOf(log)).map(({ id }) => id)).toEqual(['m1', 'm2']);
  await one.end();
});

test('whose sources were dialled from here is known to the next process', async () => {
  const logger = pino({ level: 'silent' });
  const thread = new SpoolThread(path, () => undefined);
  const own = new OwnSources(thread, logger);
  expect(await own.all()).toEqual([]);
  for (const source of ['b', 'a', 'c', 'a']) own.note(source, true);
  own.note('b', false);
  expect(await own.all()).toEqual(['a', 'c']);
  await thread.abandon();
  const next = new SpoolThread(path, () => undefined);
  expect(await new OwnSources(next, logger).all()).toEqual(['a', 'c']);
  await next.stop();
});
