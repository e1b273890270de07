import { pino } from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import type { Vector } from './cursor.ts';
import { groupOf, SavedPositions } from './saved-positions.ts';

const AWAY = new PmcError('PMC_KAFKA_UNREACHABLE', 'no broker answers');
const OUTSIDE = new PmcError('PMC_OFFSET_OUTSIDE_LOG', 'the offset is not on the log');

class Groups {
  readonly kept = new Map<string, Vector>();
  readonly failures = new Map<string, Error>();
  readonly calls: string[] = [];
  hold: Promise<void> = Promise.resolve();

  committed(group: string): Promise<Vector> {
    return Promise.resolve(this.kept.get(group) ?? new Map());
  }

  async setCommitted(group: string, _topic: string, offsets: Vector): Promise<Vector> {
    this.calls.push(group);
    const failure = this.failures.get(group);
    if (failure !== undefined) throw failure;
    const copy = new Map(offsets);
    await this.hold;
    this.kept.set(group, copy);
    return copy;
  }
}

let groups: Groups;
let saved: SavedPositions;

beforeEach(() => {
  groups = new Groups();
  saved = new SavedPositions(groups, pino({ level: 'silent' }));
});

function at(next: bigint): Vector {
  return new Map([[0, next]]);
}

describe('a saved position', () => {
  test('is on the log before a source is dialled for the first time, and stays where it is after that', async () => {
    await saved.begin('a', at(7n));
    expect(groups.kept.get(groupOf('a'))).toEqual(at(7n));
    await saved.begin('a', at(9n));
    expect(await new SavedPositions(groups, pino({ level: 'silent' })).load('a')).toEqual(at(7n));
    groups.failures.set(groupOf('b'), AWAY);
    await expect(saved.begin('b', at(7n))).rejects.toBe(AWAY);
  });

  test('is found by the next process, and is unknown of a source that never came', async () => {
    saved.moved('a', at(7n));
    await saved.save();
    const next = new SavedPositions(groups, pino({ level: 'silent' }));
    expect([await next.load('a'), await next.load('b')]).toEqual([at(7n), undefined]);
  });

  test('that has not moved is not saved again', async () => {
    saved.moved('a', at(7n));
    await saved.save();
    saved.moved('a', at(7n));
    await saved.save();
    expect(groups.calls).toEqual([groupOf('a')]);
  });

  test('that moved before the call is saved by it, also when another saving is on its way', async () => {
    let go = (): void => undefined;
    groups.hold = new Promise((resolve) => {
      go = resolve;
    });
    saved.moved('a', at(1n));
    const first = saved.save();
    await Promise.resolve();
    await Promise.resolve();
    saved.moved('a', at(2n));
    const second = saved.save();
    go();
    await Promise.all([first, second]);
    expect(groups.kept.get(groupOf('a'))).toEqual(at(2n));
  });

  test('that cannot be saved holds up no other, and is tried again', async () => {
    groups.failures.set(groupOf('a'), OUTSIDE);
    saved.moved('a', at(1n));
    saved.moved('b', at(2n));
    await saved.save();
    expect(groups.kept).toEqual(new Map([[groupOf('b'), at(2n)]]));
    groups.failures.clear();
    await saved.save();
    expect(groups.kept.get(groupOf('a'))).toEqual(at(1n));
  });

  test('waits with all others while the log is away', async () => {
    groups.failures.set(groupOf('a'), AWAY);
    saved.moved('a', at(1n));
    saved.moved('b', at(2n));
    await saved.save();
    expect(groups.calls).toEqual([groupOf('a')]);
  });

  test('of a source that another communicator has now is asked of the log', async () => {
    saved.moved('a', at(1n));
    await saved.save();
    groups.kept.set(groupOf('a'), at(9n));
    expect(await saved.load('a')).toEqual(at(1n));
    saved.forget('a');
    expect(await saved.load('a')).toEqual(at(9n));
  });
});
