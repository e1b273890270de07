import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idOf, Outgoing, written } from './outgoing-log.testing.ts';
import { OutgoingLog } from './outgoing-log.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-01-20T00:00:00Z');
const daysAgo = (days: number): number => NOW_MS - days * DAY_MS;

/** Partitions whose replies are from so many days ago, the oldest first. */
function topicOf(...partitions: readonly (readonly number[])[]): Outgoing {
  const outgoing = new Outgoing(partitions.length);
  for (const [partition, ages] of partitions.entries()) append(outgoing, partition, ages);
  return outgoing;
}

function append({ records }: Outgoing, partition: number, ages: readonly number[]): void {
  const lane = records[partition] ?? [];
  for (const days of ages) lane.push(written(idOf(partition * 1_000 + lane.length), 'pong', daysAgo(days)));
}

const look = async (log: OutgoingLog, { tools }: Outgoing, nowMs = NOW_MS): Promise<number> =>
  (await log.read(tools, 't', nowMs)).logBeginsMs;
const ages = ({ replies }: OutgoingLog): readonly number[] =>
  replies.map(({ createdAtMs }) => (NOW_MS - createdAtMs) / DAY_MS);

const ascending = (a: number, b: number): number => a - b;

test('a reply is altered where the outbox has sent another one under its id, and nowhere else', async () => {
  const outgoing = new Outgoing();
  outgoing.records[0]?.push(written(idOf(1)), written(idOf(2), 'Pong'), written(idOf(3)), written('no-id'));
  for (const one of [1, 2]) outgoing.outbox.set(idOf(one), written(idOf(one)));
  const log = new OutgoingLog();
  await look(log, outgoing);
  expect(log.replies.map(({ replyId, isAltered }) => [replyId, isAltered])).toEqual([
    [idOf(1), false],
    [idOf(2), true],
    [idOf(3), false],
    ['no-id', false],
  ]);
  // The database would refuse to look for it.
  expect(outgoing.asked.flat()).toEqual([idOf(1), idOf(2), idOf(3)]);
});

test('what was read before a failure is not read again', async () => {
  const outgoing = topicOf([3, 2, 1]);
  const log = new OutgoingLog();
  outgoing.failsAt = 2;
  await expect(look(log, outgoing)).rejects.toThrow('the broker is away');
  outgoing.isDatabaseAway = true;
  await expect(look(log, outgoing)).rejects.toThrow('the database is away');
  outgoing.isDatabaseAway = false;
  await look(log, outgoing);
  await look(log, outgoing);
  expect(log.replies.map(({ offset }) => offset)).toEqual([0, 1, 2]);
});

describe('more replies than are kept', () => {
  test('let go of the oldest, whatever partition is read first', async () => {
    const sixDays = Array.from({ length: 50 }, (_, index) => 6 - (6 * index) / 50);
    const log = new OutgoingLog({ repliesMax: 200 });
    const outgoing = topicOf(...Array.from({ length: 6 }, () => sixDays));
    const begins = await look(log, outgoing);
    // 200 of 300 replies are those of four days.
    expect(begins).toBeLessThan(daysAgo(3.5));
    expect(ages(log).length).toBeGreaterThanOrEqual(180);
    // A reply of yesterday is looked for in each partition.
    for (const partition of [0, 1, 2, 3, 4, 5])
      expect(
        log.replies.filter((one) => one.partition === partition && one.createdAtMs > begins).length,
      ).toBeGreaterThan(25);
  });

  test('keep every one that is younger than what was let go of, over any looks', async () => {
    const days = fc.integer({ min: 0, max: 20 });
    const partitions = fc.array(fc.array(days, { maxLength: 30 }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(partitions, { minLength: 1, maxLength: 3 }), async (looks) => {
        const outgoing = new Outgoing(3);
        const log = new OutgoingLog({ repliesMax: 20 });
        let begins = 0;
        for (const appended of looks) {
          for (const [partition, lane] of appended.entries()) append(outgoing, partition, lane);
          const after = await look(log, outgoing);
          expect(after).toBeGreaterThanOrEqual(begins);
          begins = after;
        }
        const all = looks.flat(2);
        const expected = all.filter((one) => daysAgo(one) > begins);
        expect(ages(log).toSorted(ascending)).toEqual(expected.toSorted(ascending));
        expect(expected.length).toBeLessThanOrEqual(20);
        if (all.length <= 20) expect(expected).toHaveLength(all.length);
      }),
    );
  });
});

describe('where the log has forgotten something', () => {
  test('it begins where the partition does that has forgotten most lately, whatever others still hold', async () => {
    const outgoing = topicOf([12, 8, 3], [12, 8, 6, 1], [13, 2]);
    expect(await look(new OutgoingLog(), outgoing)).toBe(0);
    outgoing.logStarts[0] = 1;
    expect(await look(new OutgoingLog(), outgoing)).toBe(daysAgo(8));
    outgoing.logStarts[1] = 2;
    expect(await look(new OutgoingLog(), outgoing)).toBe(daysAgo(6));
  });

  test('nothing before now is known of a partition of which nothing is left, and after that all is', async () => {
    const outgoing = topicOf([12], [12, 1]);
    outgoing.logStarts[0] = 1;
    const log = new OutgoingLog();
    expect(await look(log, outgoing)).toBe(NOW_MS);
    append(outgoing, 0, [-1]);
    expect(await look(log, outgoing, daysAgo(-2))).toBe(NOW_MS);
    // What is left cannot be read: that tells of no time either.
    const unreadable = topicOf([12]);
    unreadable.records[0]?.push('');
    unreadable.logStarts[0] = 1;
    expect(await look(new OutgoingLog(), unreadable)).toBe(NOW_MS);
  });

  test('the outbox, which remembers for longer, tells what has left a partition unread', async () => {
    const outgoing = topicOf([12, 2], [9]);
    outgoing.logStarts.splice(0, 2, 1, 1);
    outgoing.sentBelow = { forgotten: new Date(daysAgo(8)), newest: null };
    expect(await look(new OutgoingLog(), outgoing)).toBe(daysAgo(8));
    outgoing.sentBelow = { forgotten: new Date(daysAgo(8)), newest: new Date(daysAgo(7.5)) };
    expect(await look(new OutgoingLog(), outgoing)).toBe(daysAgo(7.5));
    // It has never forgotten anything: it may be younger than what it says nothing of.
    outgoing.sentBelow = { forgotten: null, newest: new Date(daysAgo(7.5)) };
    expect(await look(new OutgoingLog(), outgoing)).toBe(NOW_MS);
  });

  test('a failure before the first reply is read does not make it known', async () => {
    const outgoing = topicOf([12, 8, 3]);
    outgoing.logStarts[0] = 1;
    const log = new OutgoingLog();
    outgoing.isDatabaseAway = true;
    await expect(look(log, outgoing)).rejects.toThrow('the database is away');
    outgoing.isDatabaseAway = false;
    outgoing.failsAt = 1;
    await expect(look(log, outgoing)).rejects.toThrow('the broker is away');
    expect(await look(log, outgoing)).toBe(daysAgo(8));
  });

  test('what was read and has expired since is forgotten, up to its own time', async () => {
    const outgoing = topicOf([7, 6, 1], [7]);
    const log = new OutgoingLog();
    expect(await look(log, outgoing)).toBe(0);
    outgoing.logStarts.splice(0, 2, 2, 1);
    expect(await look(log, outgoing)).toBe(daysAgo(6));
    expect(ages(log)).toEqual([1]);
  });
});

describe('a topic that is another by now', () => {
  test('has nothing of what the outbox sent to the one before, also for who looks for the first time', async () => {
    const outgoing = topicOf([1], [2]);
    outgoing.sentToFormer = new Date(daysAgo(3));
    const log = new OutgoingLog();
    outgoing.isDatabaseAway = true;
    await expect(look(log, outgoing)).rejects.toThrow('the database is away');
    outgoing.isDatabaseAway = false;
    expect(await look(log, outgoing)).toBe(daysAgo(3));
    // What is sent from then on is read.
    outgoing.sentToFormer = new Date(daysAgo(0.5));
    expect(await look(log, outgoing)).toBe(daysAgo(3));
    expect(ages(log)).toEqual([1, 2]);
  });

  test('is read from its beginning where it was made again', async () => {
    const outgoing = topicOf([3, 2], [2]);
    const log = new OutgoingLog();
    await look(log, outgoing);
    outgoing.incarnation = 'second';
    for (const lane of outgoing.records) lane.length = 0;
    append(outgoing, 0, [-1, -1.5, -1.6]);
    expect(await look(log, outgoing, daysAgo(-1))).toBe(daysAgo(-1));
    expect(ages(log)).toEqual([-1, -1.5, -1.6]);
    append(outgoing, 1, [-2]);
    expect(await look(log, outgoing, daysAgo(-2))).toBe(daysAgo(-1));
    expect(ages(log)).toEqual([-1, -1.5, -1.6, -2]);
  });

  test('is read again where a partition was cut, and holds what it lost no more', async () => {
    const outgoing = topicOf([3, 2, 1], [2]);
    const log = new OutgoingLog();
    await look(log, outgoing);
    outgoing.records[0]?.splice(1);
    expect(await look(log, outgoing)).toBe(NOW_MS);
    expect(ages(log)).toEqual([3, 2]);
    append(outgoing, 0, [-1]);
    expect(await look(log, outgoing, daysAgo(-2))).toBe(NOW_MS);
    expect(ages(log)).toEqual([3, -1, 2]);
  });
});

test('others than those that are wanted tell where the log begins, and are not kept', async () => {
  const outgoing = topicOf([12, 8, 3]);
  outgoing.logStarts[0] = 1;
  const log = new OutgoingLog({ isWanted: ({ replyId }) => replyId === idOf(2), repliesMax: 1 });
  expect(await look(log, outgoing)).toBe(daysAgo(8));
  expect(ages(log)).toEqual([3]);
});
