import { beforeEach, describe, expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
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
});

const come = (source: string, pos?: Readonly<Record<string, number>>, receiver = new ScriptedReceiver()) =>
  comeTo(downward, source, pos, receiver);
const read = (partition: number, from: number, signal?: AbortSignal) =>
  readInto(downward, log, partition, from, signal);

test('a saved position moves with each dispatch that was taken, also while others are read for it', async () => {
  const saved = new Map<string, Vector>([['a', BEGINNING]]);
  for (const source of ['a', 'b', 'a', 'a']) log.append(0, source);
  downward = log.downward(new Map(BEGINNING).set(0, 4n), saved);
  const slow = new ScriptedReceiver(true);
  await downward.attach(slow, 'a', undefined, true);
  downward.begin(slow);
  for (const next of [0n, 2n, 3n, 4n]) {
    await quiet();
    downward.tick();
    expect(saved.get('a')?.get(0)).toBe(next);
    slow.answer(true);
  }
  expect(slow.got).toEqual(['0/0', '0/2', '0/3']);
});

describe('a position', () => {
  beforeEach(async () => {
    for (let number = 0; number < 6; number += 1) log.append(0, 'a');
    await read(0, 0);
  });

  test('of another log is lost, and its receiver begins now', async () => {
    const receiver = new ScriptedReceiver();
    const told = await downward.attach(receiver, 'a', { log_epoch: 'log-0', pos: at(0, 2) });
    expect(told).toMatchObject({ recovered: false, reason: 'the position is of another log', pos: at(0, 6) });
  });

  test('that is older than the log is lost, and what the log still has is delivered', async () => {
    log.logStarts[0] = 4n;
    const { receiver, told } = await come('a', at(0, 2));
    expect(told).toMatchObject({ recovered: false, reason: 'the position is older than the log', pos: at(0, 4) });
    await quiet();
    expect(receiver.got).toEqual(['0/4', '0/5']);
  });

  test('beyond the log is lost: it would wait for ever', async () => {
    const { receiver, told } = await come('a', at(0, 1_000));
    expect(told).toMatchObject({ recovered: false, reason: 'the position is beyond the log', pos: at(0, 6) });
    log.append(0, 'a');
    await read(0, 6);
    expect(receiver.got).toEqual(['0/6']);
  });

  test('that another communicator brought further than this one has read is kept', async () => {
    log.append(0, 'a');
    log.append(0, 'a');
    const { receiver, told } = await come('a', at(0, 7));
    expect(told).toMatchObject({ recovered: true, pos: at(0, 7) });
    await read(0, 6);
    expect(receiver.got).toEqual(['0/7']);
  });

  test('too far behind is lost', async () => {
    const far = new Map([
      [0, BigInt(PROTOCOL_LIMITS.resume) + 1n],
      [1, 0n],
    ]);
    downward = log.downward(far);
    log.records[0] = Array.from({ length: PROTOCOL_LIMITS.resume + 1 }, () => log.records[0]?.[0] as never);
    const { told } = await come('a', at(0, 0));
    expect(told).toMatchObject({ recovered: false, pos: at(0, PROTOCOL_LIMITS.resume + 1) });
    expect((await come('a', at(0, 1))).told.recovered).toBe(true);
  });

  test('that the log lets go of while it is read for goes on where the log begins', async () => {
    const receiver = new ScriptedReceiver();
    receiver.canTake = false;
    await come('a', at(0, 1), receiver);
    log.logStarts[0] = 3n;
    receiver.canTake = true;
    downward.tick();
    await quiet();
    expect(receiver.got).toEqual(['0/3', '0/4', '0/5']);
  });

  test('that this process keeps outlasts the connection', async () => {
    const saved = new Map<string, Vector>();
    downward = log.downward(new Map(BEGINNING).set(0, 6n), saved);
    const first = new ScriptedReceiver();
    await downward.attach(first, 'a', undefined, true);
    downward.begin(first);
    downward.detach(first);
    log.append(0, 'a');
    await read(0, 6);
    const second = new ScriptedReceiver();
    await downward.attach(second, 'a', undefined, true);
    downward.begin(second);
    await quiet();
    expect([first.got, second.got]).toEqual([[], ['0/6']]);
  });

  test('from before a partition was added has that one from its beginning', async () => {
    log.append(1, 'a');
    log.append(1, 'b');
    log.append(1, 'a');
    await read(1, 0);
    const { receiver, told } = await come('a', at(0, 5));
    expect(told).toMatchObject({ recovered: true, pos: { ...at(0, 5), ...at(1, 0) } });
    await quiet();
    expect(receiver.got.toSorted()).toEqual(['0/5', '1/0', '1/2']);
  });

  test('that this process keeps, from before a partition was added, has that one from where its log begins', async () => {
    for (let number = 0; number < 3; number += 1) log.append(1, 'a');
    log.logStarts[1] = 1n;
    const saved = new Map<string, Vector>([['a', new Map([[0, 6n]])]]);
    const tail = new Map(BEGINNING).set(0, 6n).set(1, 3n);
    downward = log.downward(tail, saved);
    const receiver = new ScriptedReceiver();
    const told = await downward.attach(receiver, 'a', undefined, true);
    expect(told).toMatchObject({ recovered: true, pos: { ...at(0, 6), ...at(1, 1) } });
    downward.begin(receiver);
    await quiet();
    expect(receiver.got).toEqual(['1/1', '1/2']);
  });

  test('has all of a partition whose first record is read while the position is looked for', async () => {
    const saved = new Map<string, Vector>([['a', new Map([[0, 4n]])]]);
    downward = log.downward(new Map([[0, 6n]]), saved);
    const receiver = new ScriptedReceiver();
    log.append(1, 'a');
    const reading = read(1, 0);
    await downward.attach(receiver, 'a', undefined, true);
    await reading;
    downward.begin(receiver);
    await quiet();
    expect(receiver.got.toSorted()).toEqual(['0/4', '0/5', '1/0']);
  });
});
