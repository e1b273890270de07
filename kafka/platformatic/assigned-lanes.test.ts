import { describe, expect, test } from 'vitest';
import { AssignedLanes, type FetchedRange, type Lane } from './assigned-lanes.ts';

const of = (partition: number) => ({ topic: 't', partition });

function lanesOf(count: number): AssignedLanes {
  return new AssignedLanes(Array.from({ length: count }, (_, partition) => ({ of: of(partition), position: 10n })));
}

function fetched(partition: number): FetchedRange {
  return { ...of(partition), records: [], next: 20n, highWatermark: 20n, first: 10n };
}

const partitionsOf = (lanes: readonly Lane[]): readonly number[] => lanes.map((lane) => lane.of.partition);
const never = (): boolean => false;

describe('what is fetched', () => {
  test('a partition is left out while something of it waits, or after an error', () => {
    const lanes = lanesOf(3);
    const [first, second] = lanes.all as [Lane, Lane];
    first.waiting = fetched(0);
    second.notBeforeMs = 1_000;
    expect(partitionsOf(lanes.fetchable(lanes.all, 999))).toEqual([2]);
    expect(partitionsOf(lanes.fetchable(lanes.all, 1_000))).toEqual([1, 2]);
  });

  test('one that is being handled is fetched ahead', () => {
    const lanes = lanesOf(1);
    const [lane] = lanes.all as [Lane];
    lane.waiting = fetched(0);
    lanes.take(never);
    lane.isHandling = true;
    expect(partitionsOf(lanes.fetchable(lanes.all, 0))).toEqual([0]);
  });

  test('what was handed over longest ago is asked for first, so that one which fills every answer leaves room for the others', () => {
    const lanes = lanesOf(3);
    const asked = Array.from({ length: 5 }, () => {
      const [first] = lanes.fetchable(lanes.all, 0) as [Lane];
      first.waiting = fetched(first.of.partition);
      lanes.take(never);
      return first.of.partition;
    });
    expect(asked).toEqual([0, 1, 2, 0, 1]);
  });

  test('what waits after an error is left out until its time has come', () => {
    const lanes = lanesOf(3);
    const [first] = lanes.all as [Lane, Lane, Lane];
    first.notBeforeMs = 5_000;
    expect(partitionsOf(lanes.fetchable(lanes.all, 4_999))).toEqual([1, 2]);
    expect(partitionsOf(lanes.fetchable(lanes.all, 5_000))).toEqual([0, 1, 2]);
  });

  test('not where it has been moved: that was an error of where it was', () => {
    const lanes = lanesOf(1);
    const [lane] = lanes.all as [Lane];
    lane.notBeforeMs = 5_000;
    lanes.moveTo(of(0), 3n);
    expect(partitionsOf(lanes.fetchable(lanes.all, 1))).toEqual([0]);
  });
});

describe('what is handed over', () => {
  test('each partition has its turn', () => {
    const lanes = lanesOf(3);
    const turns: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      for (const lane of lanes.all) lane.waiting ??= fetched(lane.of.partition);
      turns.push(lanes.take(never)?.lane.of.partition ?? -1);
    }
    expect(turns).toEqual([0, 1, 2, 0, 1, 2, 0]);
  });

  test('nothing of a partition in hand or held', () => {
    const lanes = lanesOf(3);
    const [first] = lanes.all as [Lane];
    for (const lane of lanes.all) lane.waiting = fetched(lane.of.partition);
    first.isHandling = true;
    expect(lanes.take(({ of: { partition } }) => partition === 1)?.lane.of.partition).toBe(2);
    expect(lanes.take(({ of: { partition } }) => partition === 1)).toBeUndefined();
  });

  test('a move drops what waits and is seen by whoever handles what came before', () => {
    const lanes = lanesOf(1);
    const [lane] = lanes.all as [Lane];
    lane.waiting = fetched(0);
    const { moves } = lane;
    lanes.moveTo(of(0), 3n);
    lanes.moveTo(of(9), 3n);
    expect(lane).toMatchObject({ position: 3n, waiting: undefined });
    expect(lane.moves).not.toBe(moves);
    expect(lanes.take(never)).toBeUndefined();
  });
});
