// An outgoing log that lost its end, as a machine without power does, and was written anew from there, while the communicator lived on.
// The reader then begins again where the log begins.
import { beforeEach, expect, test, vi } from 'vitest';
import type { Vector } from './cursor.ts';
import { at, BEGINNING, comeTo, readInto } from './downward.testing.ts';
import type { Downward } from './downward.ts';
import { OutgoingLog, quiet, ScriptedReceiver } from './outgoing-log.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let log: OutgoingLog;
let downward: Downward;

beforeEach(async () => {
  log = await OutgoingLog.open(2);
  downward = log.downward(BEGINNING);
  for (let number = 0; number < 5; number += 1) log.append(0, 'a');
});

/** Only the first two are left; these come behind them. */
function rewritten(...replyIds: readonly string[]): void {
  log.records[0]?.splice(2);
  for (const id of replyIds) log.append(0, 'a', id);
}

const readAll = () => readInto(downward, log, 0, 0);

test('what is new is delivered, what was delivered before is not, and positions are those of the log that there is', async () => {
  const { receiver } = await comeTo(downward, 'a');
  await readAll();
  receiver.got.length = 0;
  rewritten('new-2', 'new-3');
  await readAll();
  await readAll();
  expect(receiver.got).toEqual(['new-2', 'new-3']);
  expect(receiver.positions.at(-1)).toMatchObject(at(0, 4));
  expect(downward.position(receiver).pos).toMatchObject(at(0, 4));
});

test('a reply that was lost and is there again elsewhere is delivered', async () => {
  const { receiver } = await comeTo(downward, 'a');
  await readAll();
  receiver.got.length = 0;
  rewritten('0/4');
  await readAll();
  expect(receiver.got).toEqual(['0/4']);
});

test('who was behind in what is gone, or is being read for, goes on where the new begins', async () => {
  const behind = new ScriptedReceiver();
  await comeTo(downward, 'a', undefined, behind);
  const read = Promise.withResolvers<void>();
  await readInto(downward, log, 0, 0);
  behind.got.length = 0;
  const { receiver: slow } = await comeTo(downward, 'a', at(0, 0), new ScriptedReceiver(true));
  const late = new ScriptedReceiver();
  log.onRead = () => read.promise;
  await comeTo(downward, 'a', at(0, 4), late);
  await quiet();
  rewritten('new-2', 'new-3');
  await readAll();
  read.resolve();
  for (let turn = 0; turn < 6; turn += 1) {
    await quiet();
    slow.answer(true);
    downward.tick();
  }
  expect(late.got).toEqual(['new-2', 'new-3']);
  // What its socket had in hand comes once more.
  expect(slow.got).toEqual(['0/0', '0/0', '0/1', 'new-2', 'new-3']);
  expect(behind.got).toEqual(['new-2', 'new-3']);
});

test('a socket that takes its last one of before meanwhile gets what is new', async () => {
  const slow = new ScriptedReceiver(true);
  await comeTo(downward, 'a', undefined, slow);
  const [, , , , last] = log.records[0] ?? [];
  downward = log.downward(new Map(BEGINNING).set(0, 4n));
  await comeTo(downward, 'a', undefined, slow);
  if (last === undefined) throw new Error('five were appended');
  await readInto(downward, log, 0, 4);
  log.records[0]?.splice(4);
  log.append(0, 'a', 'new-4');
  await readInto(downward, log, 0, 4);
  for (let turn = 0; turn < 3; turn += 1) {
    slow.answer(true);
    await quiet();
    downward.tick();
  }
  expect(slow.got).toEqual(['0/4', 'new-4']);
});

test.each([5, 4, 3])('who comes back with a position that may be of before, %i, gets what is new', async (next) => {
  await readAll();
  rewritten('new-2', 'new-3');
  await readAll();
  const { receiver, told } = await comeTo(downward, 'a', at(0, next));
  await quiet();
  expect(told.pos).toMatchObject(at(0, 2));
  expect(receiver.got).toEqual(['new-2', 'new-3']);
});

test('a position that is kept here goes back with the log', async () => {
  const saved = new Map<string, Vector>();
  downward = log.downward(BEGINNING, saved);
  const first = new ScriptedReceiver();
  await downward.attach(first, 'a', undefined, true);
  downward.begin(first);
  await readAll();
  downward.detach(first);
  expect(saved.get('a')?.get(0)).toBe(5n);
  rewritten('new-2');
  await readAll();
  const second = new ScriptedReceiver();
  await downward.attach(second, 'a', undefined, true);
  downward.begin(second);
  await quiet();
  expect(second.got).toEqual(['new-2']);
});
