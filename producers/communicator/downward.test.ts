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

describe('a receiver', () => {
  test('gets what comes for its source from now on, and nothing of others', async () => {
    log.append(0, 'a', 'old');
    await read(0, 0);
    const { receiver, told } = await come('a');
    expect(told).toMatchObject({ recovered: true, pos: { ...at(0, 1), ...at(1, 0) } });
    log.append(0, 'b');
    log.append(0, 'a', 'new');
    await read(0, 1);
    expect(receiver.got).toEqual(['new']);
    expect(receiver.positions.at(-1)).toEqual({ ...at(0, 3), ...at(1, 0) });
    expect(log.reads).toBe(0);
  });

  test('that was away gets what came meanwhile, and then goes on live', async () => {
    for (const source of ['a', 'b', 'a', 'a']) log.append(0, source);
    await read(0, 0);
    const { receiver, told } = await come('a', at(0, 2));
    expect(told.recovered).toBe(true);
    await quiet();
    log.append(0, 'a');
    await read(0, 4);
    expect(receiver.got).toEqual(['0/2', '0/3', '0/4']);
  });

  test('gets nothing before it begins, and loses nothing by that', async () => {
    const receiver = new ScriptedReceiver();
    await downward.attach(receiver, 'a', undefined);
    log.append(0, 'a');
    await read(0, 0);
    expect(receiver.got).toEqual([]);
    downward.begin(receiver);
    await quiet();
    expect(receiver.got).toEqual(['0/0']);
  });

  test('that left while its position was looked for is not kept', async () => {
    const receiver = new ScriptedReceiver();
    const attaching = downward.attach(receiver, 'a', { log_epoch: 'log-1', pos: at(0, 0) });
    downward.detach(receiver);
    await attaching;
    downward.begin(receiver);
    log.append(0, 'a');
    await read(0, 0);
    await quiet();
    expect(receiver.got).toEqual([]);
  });

  test('gets no more than it gave credit for, and the rest when it gives more', async () => {
    const { receiver } = await come('a');
    for (let number = 0; number < PROTOCOL_LIMITS.credit + 10; number += 1) log.append(0, 'a');
    await read(0, 0);
    expect(receiver.got).toHaveLength(PROTOCOL_LIMITS.credit);
    downward.tick();
    await quiet();
    expect(receiver.got).toHaveLength(PROTOCOL_LIMITS.credit);
    downward.credit(receiver, 4);
    await quiet();
    expect(receiver.got).toHaveLength(PROTOCOL_LIMITS.credit + 4);
    downward.credit(receiver, 1_000_000);
    await quiet();
    expect(receiver.got).toEqual(log.records[0]?.map((_, number) => `0/${number}`));
  });

  test('that can take again is noticed within a tick', async () => {
    const { receiver } = await come('a');
    receiver.canTake = false;
    log.append(0, 'a');
    await read(0, 0);
    await quiet();
    expect([receiver.got, log.reads]).toEqual([[], 0]);
    receiver.canTake = true;
    downward.tick();
    await quiet();
    expect(receiver.got).toEqual(['0/0']);
  });

  test('whose connection is over is not read for again and again', async () => {
    const receiver = new ScriptedReceiver(true);
    const { told } = await come('a', undefined, receiver);
    expect(told.recovered).toBe(true);
    log.append(0, 'a');
    await read(0, 0);
    receiver.answer(false);
    await quiet();
    receiver.answer(false);
    await quiet();
    expect(log.reads).toBe(1);
  });

  test('costs a read of the log only when something of its own went by', async () => {
    const waiting = await Promise.all(Array.from({ length: 1_000 }, (_, number) => come(`idle-${number}`)));
    for (let number = 0; number < 50; number += 1) log.append(0, 'a');
    await read(0, 0);
    downward.tick();
    await quiet();
    expect([log.reads, waiting.every(({ receiver }) => receiver.got.length === 0)]).toEqual([0, true]);
  });

  test('of thousands that come back together waits for its turn', async () => {
    log.append(0, 'b');
    log.append(0, 'a');
    await read(0, 0);
    let open = 0;
    let most = 0;
    log.onRead = async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
    };
    const all = await Promise.all(Array.from({ length: 100 }, () => come('a', at(0, 0))));
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    // The second to get it and all others: one reply id, at one place.
    expect(all.every(({ receiver }) => receiver.got.length === 1)).toBe(true);
    expect(most).toBeLessThanOrEqual(8);
  });
});

describe('a socket that takes its time', () => {
  test('holds up nobody else', async () => {
    const slow = new ScriptedReceiver(true);
    await downward.attach(slow, 'a', undefined, true);
    downward.begin(slow);
    const { receiver } = await come('b');
    for (const source of ['a', 'b', 'a', 'b']) log.append(0, source);
    await read(0, 0);
    expect([slow.got, receiver.got]).toEqual([[], ['0/1', '0/3']]);
    slow.answer(true);
    await quiet();
    slow.answer(true);
    await quiet();
    expect(slow.got).toEqual(['0/0', '0/2']);
  });

  test('is live again without a read of the log when nothing of its own went by', async () => {
    const slow = new ScriptedReceiver(true);
    await downward.attach(slow, 'a', undefined, true);
    downward.begin(slow);
    for (const source of ['a', 'b', 'b']) log.append(0, source);
    await read(0, 0);
    slow.answer(true);
    await quiet();
    log.append(0, 'a');
    await read(0, 3);
    slow.answer(true);
    await quiet();
    expect([slow.got, log.reads]).toEqual([['0/0', '0/3'], 0]);
  });

  test('leaves a position behind that is not past what it has not taken', async () => {
    const saved = new Map<string, Vector>();
    downward = log.downward(BEGINNING, saved);
    const slow = new ScriptedReceiver(true);
    await downward.attach(slow, 'a', undefined, true);
    downward.begin(slow);
    for (const source of ['b', 'a', 'b']) log.append(0, source);
    await read(0, 0);
    downward.tick();
    expect(saved.get('a')?.get(0)).toBe(1n);
    slow.answer(true);
    await quiet();
    downward.detach(slow);
    expect(saved.get('a')?.get(0)).toBe(3n);
  });

  test('of a source that is kept here moves on also while the source names its own', async () => {
    const saved = new Map<string, Vector>([['a', BEGINNING]]);
    downward = log.downward(BEGINNING, saved);
    const resuming = new ScriptedReceiver();
    await downward.attach(resuming, 'a', { log_epoch: 'log-1', pos: { 'pmc.messages.outgoing/0': 0 } }, true);
    downward.begin(resuming);
    log.append(0, 'a');
    await read(0, 0);
    downward.detach(resuming);
    expect(saved.get('a')?.get(0)).toBe(1n);
  });
});

describe('the reading', () => {
  test('of a reply that is on the log twice delivers it once', async () => {
    const { receiver } = await come('a');
    log.append(0, 'a', 'same');
    log.append(0, 'a', 'same');
    await read(0, 0);
    expect(receiver.got).toEqual(['same']);
  });

  test('once more after a rebalance delivers nothing twice', async () => {
    const { receiver } = await come('a');
    log.append(0, 'a');
    log.append(0, 'a');
    await read(0, 0);
    await read(0, 0);
    expect(receiver.got).toEqual(['0/0', '0/1']);
  });

  test('ends where the assignment is lost, and begins again there', async () => {
    const { receiver } = await come('a');
    log.append(0, 'a');
    await expect(read(0, 0, AbortSignal.abort())).rejects.toThrow('assignment was lost');
    expect(receiver.got).toEqual([]);
    await read(0, 0);
    expect(receiver.got).toEqual(['0/0']);
  });

  test('that was moved forward skips nothing for who is live', async () => {
    const { receiver } = await come('a');
    for (let number = 0; number < 5; number += 1) log.append(0, 'a');
    await read(0, 3);
    expect(receiver.got).toEqual(['0/0', '0/1', '0/2', '0/3', '0/4']);
  });

  test('goes on behind a record that says nothing', async () => {
    const { receiver } = await come('a');
    log.append(0, 'a');
    log.append(0, 'a');
    const [first, second] = log.records[0] ?? [];
    if (first === undefined || second === undefined) throw new Error('two records were appended');
    await downward.handleBatch({ records: [{ ...first, value: null }, second], signal: new AbortController().signal });
    expect(receiver.got).toEqual(['0/1']);
  });
});
