// Where a group goes on: behind retention, in a partition that was just added, after a stop, a seek, a pause. By both clients.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { SOUND } from '../support/log/read-verdict.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { offsets } from '../support/log/recording-reader.ts';
import { withCluster } from '../support/log/with-cluster.ts';

let cluster: KafkaCluster;
let commits: CommitRecorder;

withCluster(1, (started) => {
  cluster = started;
  commits = new CommitRecorder(cluster);
});

describe.for(CLIENTS)('%s', (client) => {
  let bench: ReadingBench;
  let topic: string;
  let groupId: string;

  beforeEach(async () => {
    bench = new ReadingBench(client, cluster, commits);
    topic = await cluster.createTopic(1);
    groupId = bench.groupId();
  });

  afterEach(async () => {
    await bench.stop();
  });

  const only = () => ({ topic, partition: 0 });

  async function committed(offset: bigint): Promise<void> {
    await vi.waitFor(async () => expect((await bench.admin.committed(groupId, topic)).get(0)).toBe(offset), WAIT);
  }

  test('row 13 · a group that retention overtook goes on where the log begins and says what it never saw', async () => {
    await bench.append(only(), 100);
    await bench.admin.setCommitted(groupId, topic, new Map([[0, 50n]]));
    await bench.deleteBefore(only(), 80n);
    const { recorded } = await bench.open({ topic, groupId });
    await committed(100n);
    expect(recorded.offsets()).toEqual(offsets(80, 100));
    expect(recorded.gaps).toEqual([{ ...only(), expected: 50n, got: 80n }]);
  });

  test('row 13 · so does a reader that retention overtakes while it is paused', async () => {
    await bench.append(only(), 100);
    const { reader, recorded } = await bench.open({ topic, groupId });
    await committed(100n);
    reader.pause([only()]);
    await bench.append(only(), 50);
    await bench.deleteBefore(only(), 130n);
    reader.resume([only()]);
    await committed(150n);
    // What came before the pause took hold may have been handed over as well.
    const seen = recorded.offsets().length - 20;
    expect(recorded.offsets()).toEqual([...offsets(0, seen), ...offsets(130, 150)]);
    expect(recorded.gaps).toEqual(seen < 130 ? [{ ...only(), expected: BigInt(seen), got: 130n }] : []);
  });

  test('row 13 · a group that is behind the end, of a log that lost its tail, is handed all that there is and told of the jump back', async () => {
    await bench.append(only(), 30);
    // As `setCommitted` would refuse to.
    const partitionOffsets = [{ partition: 0, offset: 1_000n }];
    await cluster.ask((admin) =>
      admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] }),
    );
    const { reader, recorded } = await bench.open({ topic, groupId });
    await committed(30n);
    expect(recorded.offsets()).toEqual(offsets(0, 30));
    const back = { ...only(), expected: 1_000n, got: 0n };
    expect(recorded.gaps).toEqual([back]);
    reader.seek(only(), 1_000n);
    await vi.waitFor(() => expect(recorded.records).toHaveLength(30 + 30), WAIT);
    expect(recorded.offsets()).toEqual([...offsets(0, 30), ...offsets(0, 30)]);
    expect(recorded.gaps).toEqual([back, back]);
    // The seek is over: what is appended afterwards comes once.
    await bench.append(only(), 10);
    await committed(40n);
    expect(recorded.offsets()).toEqual([...offsets(0, 30), ...offsets(0, 40)]);
  });

  test('row 14 · a new group begins at the beginning, and so does it in a partition that is added under load', async () => {
    const added = { topic, partition: 1 };
    await bench.append(only(), 40);
    const { recorded } = await bench.open({ topic, groupId });
    await vi.waitFor(() => expect(recorded.offsets()).toHaveLength(40), WAIT);
    const configured = { name: topic, count: 2 };
    await cluster.ask((admin) => admin.createPartitions({ topics: [configured] }));
    await vi.waitFor(() => bench.append(added, 40), WAIT);
    await bench.append(only(), 40);
    await vi.waitFor(() => expect(recorded.offsets(1)).toHaveLength(40), WAIT);
    await vi.waitFor(() => expect(new Set(recorded.offsets(0)).size).toBe(80), WAIT);
    expect(recorded.offsets(1)).toEqual(offsets(0, 40));
    expect((await bench.judge(topic, groupId, recorded.handled)).violations).toEqual(SOUND);
  });

  test('row 16 · after a stop nothing is read again, and nothing is left out', async () => {
    await bench.append(only(), 100);
    const first = await bench.open({ topic, groupId });
    await vi.waitFor(() => expect(first.recorded.records.length).toBeGreaterThanOrEqual(30), WAIT);
    await first.stop();
    const second = await bench.open({ topic, groupId });
    await committed(100n);
    expect([...first.recorded.offsets(), ...second.recorded.offsets()]).toEqual(offsets(0, 100));
  });

  test('row 17 · a stop in the middle of a batch waits for the handler and commits nothing of it', async () => {
    await bench.append(only(), 30);
    const entered = Promise.withResolvers<AbortSignal>();
    const released = Promise.withResolvers<void>();
    const first = await bench.open({
      topic,
      groupId,
      async handle({ records, signal }) {
        if (records[0]?.offset !== 10n) return;
        entered.resolve(signal);
        await released.promise;
      },
    });
    const signal = await entered.promise;
    let isStopped = false;
    const stopping = first.stop().then(() => {
      isStopped = true;
    });
    expect(signal.aborted).toBe(true);
    await bench.admin.ends(topic);
    expect(isStopped).toBe(false);
    released.resolve();
    await stopping;
    expect((await bench.admin.committed(groupId, topic)).get(0)).toBe(10n);
    const second = await bench.open({ topic, groupId });
    await committed(30n);
    expect(second.recorded.offsets()).toEqual(offsets(10, 30));
  });

  test('row 27 · a seek is absolute and exact; a negative one is refused', async () => {
    await bench.append(only(), 60);
    const { reader, recorded } = await bench.open({ topic, groupId });
    await committed(60n);
    for (const wrong of [-1n, -2n]) expect(() => reader.seek(only(), wrong)).toThrow(RangeError);
    reader.seek(only(), 37n);
    await vi.waitFor(() => expect(recorded.records).toHaveLength(60 + 23), WAIT);
    reader.seek(only(), 0n);
    await vi.waitFor(() => expect(recorded.records).toHaveLength(60 + 23 + 60), WAIT);
    await committed(60n);
    expect(recorded.offsets()).toEqual([...offsets(0, 60), ...offsets(37, 60), ...offsets(0, 60)]);
  });

  test('row 27 · a pause and a seek outlast a rebalance', async () => {
    topic = await cluster.createTopic(2);
    const both = [0, 1].map((partition) => ({ topic, partition }));
    for (const one of both) await bench.append(one, 20);
    const first = await bench.open({ topic, groupId, member: 'first' });
    await vi.waitFor(() => expect(first.recorded.records).toHaveLength(40), WAIT);
    first.reader.pause(both);
    for (const one of both) await bench.append(one, 20);
    const assignments = first.recorded.assignments.length;
    const second = await bench.open({ topic, groupId, member: 'second' });
    await vi.waitFor(() => expect(first.recorded.assignments.length).toBeGreaterThan(assignments), WAIT);
    await vi.waitFor(() => expect(second.recorded.assignments.flat()).toHaveLength(1), WAIT);
    const [mine] = first.reader.assigned;
    const [others] = second.reader.assigned;
    if (mine === undefined || others === undefined) throw new Error('each member should have one partition');
    await vi.waitFor(() => expect(new Set(second.recorded.offsets(others.partition))).toContain(39n), WAIT);
    expect(first.recorded.offsets(mine.partition)).toEqual(offsets(0, 20));
    first.reader.seek(mine, 5n);
    await second.stop();
    await vi.waitFor(() => expect(first.reader.assigned).toHaveLength(2), WAIT);
    first.reader.resume(both);
    await vi.waitFor(() => expect(first.recorded.offsets(mine.partition)).toHaveLength(20 + 35), WAIT);
    expect(first.recorded.offsets(mine.partition)).toEqual([...offsets(0, 20), ...offsets(5, 40)]);
  });
});
