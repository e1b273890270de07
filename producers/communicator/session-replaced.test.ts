import { beforeEach, describe, expect, test, vi } from 'vitest';
import { GRANTED, Rig } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let rig: Rig;

beforeEach(async () => {
  rig = await Rig.open();
});

describe('a newer connection of a stream', () => {
  test('replaces the one before it, and is told what became of what came over that one', async () => {
    const first = await rig.welcomed();
    rig.appender.hold();
    first.sends(1, 2);
    await rig.turns();
    const second = await rig.welcomed();
    expect(first.closedWith).toBe(4007);
    // In flight: answered when the first copies are.
    second.sends(1, 2);
    await rig.turns();
    expect(second.heard()).toEqual([]);
    rig.appender.release();
    await rig.settled();
    expect(second.heard()).toMatchObject([{ op: 'ack', epoch: 'E1', upto: 2 }]);
    expect([rig.incoming(), rig.elsewhere()]).toEqual([2, { duplicate: 2 }]);
  });

  test('is told also of what is refused for good, and by name of what is behind a gap', async () => {
    const first = await rig.welcomed();
    rig.appender.hold();
    first.say(first.event(2, { content: 'x'.repeat(17_000) }), first.event(3));
    const second = await rig.welcomed();
    rig.appender.release();
    await rig.settled();
    const heard = second.heard();
    expect(heard).toContainEqual(expect.objectContaining({ op: 'nack', seq: 2, code: 108 }));
    expect(heard.flatMap((frame) => (frame.op === 'ack' ? frame.at.map(([name]) => name) : []))).toEqual([3]);
  });

  test('is not told before its welcome', async () => {
    const first = await rig.welcomed();
    rig.appender.hold();
    first.sends(1);
    await rig.turns();
    let answer: (starts: Map<number, bigint>) => void = () => undefined;
    vi.spyOn(rig.downward, 'attach').mockImplementationOnce(
      () => new Promise((resolve) => (answer = () => resolve({ recovered: true, log_epoch: 'l', pos: {} }))),
    );
    const second = rig.connect();
    second.hello();
    await rig.turns();
    rig.appender.release();
    await rig.settled();
    expect(second.heard()).toEqual([]);
    answer(new Map());
    await rig.turns();
    expect(second.heard()).toMatchObject([{ op: 'welcome', last: { seq: 1 } }]);
  });

  test('takes nothing more of the one before it', async () => {
    const first = await rig.welcomed();
    await rig.welcomed();
    first.sends(1);
    await rig.settled();
    expect(rig.ingest.settlement.received).toBe(0);
  });

  test('of another source with the same stream replaces nobody', async () => {
    const first = await rig.welcomed();
    await rig.welcomed({}, { ...GRANTED, source: 'user:bea' });
    expect([first.closedWith, rig.streams.size]).toEqual([undefined, 2]);
  });
});
