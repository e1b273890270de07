// Groups whose members come, go and die with long batches in hand, and topics that die under them. By both clients, at the same
// time: what takes long here is waiting for the sessions of the dead to end.
import { describe, expect, type TestContext, test, vi } from 'vitest';
import type { TopicPartition } from '../../kafka/log.ts';
import { CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { SOUND } from '../support/log/read-verdict.ts';
import type { ReaderMember } from '../support/log/reader-member.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const PARTITIONS = 6;
const BATCH_RECORDS = 40;
const DEADLINE = { ...WAIT, timeout: 110_000 };

let cluster: KafkaCluster;
let commits: CommitRecorder;

withCluster(1, (started) => {
  cluster = started;
  commits = new CommitRecorder(cluster);
});

describe.concurrent.for(CLIENTS)('%s', (client) => {
  // Tests that run at the same time have each their own end: the import of that name takes the one that happens to run.
  function begin({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): {
    readonly bench: ReadingBench;
    readonly groupId: string;
  } {
    const bench = new ReadingBench(client, cluster, commits);
    onTestFinished(() => bench.stop());
    return { bench, groupId: bench.groupId() };
  }

  async function filled(bench: ReadingBench, partitions: number, each: number): Promise<string> {
    const topic = await cluster.createTopic(partitions);
    for (let partition = 0; partition < partitions; partition += 1) await bench.append({ topic, partition }, each);
    return topic;
  }

  test('row 16 · who takes over from a killed member reads at most one batch again', async (context) => {
    const { bench, groupId } = begin(context);
    const topic = await filled(bench, 1, 400);
    const recording = { topic, groupId, batchRecordsMax: BATCH_RECORDS, handleMs: 200 };
    const first = bench.startMember({ ...recording, member: 'first' });
    await vi.waitFor(() => expect(first.handled.length).toBeGreaterThanOrEqual(4), WAIT);
    await first.kill();
    const second = bench.startMember({ ...recording, member: 'second' });
    await vi.waitFor(() => expect(second.handled.at(-1)?.upper).toBe(400n), WAIT);
    const verdict = await bench.judge(topic, groupId, [...first.handled, ...second.handled]);
    expect(verdict.violations).toEqual(SOUND);
    expect(verdict.repeated).toBeLessThanOrEqual(BATCH_RECORDS);
  });

  test('row 18 · members killed, stopped and started again and again: all is handled, no commit lies', async (context) => {
    const { bench, groupId } = begin(context);
    const topic = await filled(bench, PARTITIONS, 600);
    const members: ReaderMember[] = [];
    const join = (): void => {
      const member = `member-${members.length + 1}`;
      members.push(bench.startMember({ topic, groupId, member, batchRecordsMax: BATCH_RECORDS, handleMs: 500 }));
    };
    const handled = () => members.flatMap((one) => one.handled);
    for (let one = 0; one < 3; one += 1) join();
    for (const [turn, end] of (['kill', 'stop', 'kill', 'kill', 'stop'] as const).entries()) {
      const before = handled().length;
      await vi.waitFor(() => expect(handled().length).toBeGreaterThanOrEqual(before + 6), DEADLINE);
      await members[turn]?.[end]();
      join();
    }
    const distinct = () => new Set(handled().flatMap(({ partition, lower }) => `${partition}@${lower}`)).size;
    await vi.waitFor(async () => {
      expect(distinct()).toBeGreaterThanOrEqual(PARTITIONS * (600 / BATCH_RECORDS));
      const committed = await bench.admin.committed(groupId, topic);
      expect([...committed.values()]).toEqual(Array.from({ length: PARTITIONS }, () => 600n));
    }, DEADLINE);
    const { violations } = await bench.judge(topic, groupId, handled());
    expect(violations).toEqual(SOUND);
  });

  test('row 31 · two members in one process share nothing: each offset is handled once, each commit is its own', async (context) => {
    const { bench, groupId } = begin(context);
    const topic = await filled(bench, 4, 100);
    const [first, second] = [
      await bench.open({ topic, groupId, member: 'first' }),
      await bench.open({ topic, groupId, member: 'second' }),
    ];
    await vi.waitFor(() => {
      for (const { reader } of [first, second]) expect(reader.assigned).toHaveLength(2);
    }, WAIT);
    const named = [first, second].flatMap(({ reader }) => reader.assigned.map(({ partition }) => partition));
    expect(named.sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    const all = (): TopicPartition[] => [0, 1, 2, 3].map((partition) => ({ topic, partition }));
    for (const one of all()) await bench.append(one, 100);
    await vi.waitFor(async () => {
      const committed = await bench.admin.committed(groupId, topic);
      expect([...committed.values()]).toEqual([200n, 200n, 200n, 200n]);
    }, WAIT);
    const verdict = await bench.judge(topic, groupId, [...first.recorded.handled, ...second.recorded.handled]);
    expect(verdict.violations).toEqual(SOUND);
    // Each one only what it was assigned: with the shared cache of one library object it would go on where the other is.
    for (const { recorded, reader } of [first, second]) {
      const late = recorded.records.filter(({ offset }) => offset >= 100n);
      expect(new Set(late.map(({ partition }) => partition))).toEqual(
        new Set(reader.assigned.map(({ partition }) => partition)),
      );
    }
  });

  test('a topic that is deleted and created again under a reader is noticed, and nothing of it taken for the old one', async (context) => {
    const { bench, groupId } = begin(context);
    const topic = await filled(bench, 1, 50);
    const { recorded } = await bench.open({ topic, groupId });
    await vi.waitFor(() => expect(recorded.records).toHaveLength(50), WAIT);
    await cluster.ask((admin) => admin.deleteTopics({ topics: [topic] }));
    const create = () => cluster.ask((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }));
    await vi.waitFor(create, WAIT);
    await vi.waitFor(() => bench.append({ topic, partition: 0 }, 80), WAIT);
    await vi.waitFor(() => expect(recorded.fatal.map(({ code }) => code)).toContain('PMC_TOPIC_RECREATED'), WAIT);
    // The numbers go on: those of the second life are 50 and above.
    const [old] = [...recorded.incarnations];
    expect(recorded.incarnations).toEqual(new Set([old]));
    const numbers = recorded.records.map(({ headers }) => Number(headers['number']));
    expect(numbers.filter((number) => number >= 50)).toEqual([]);
  });
});
