// A broker that goes away and stays away: what becomes of the neighbours of a partition that it alone has, and of a group that it
// coordinates. By both clients.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Appender } from '../../kafka/log.ts';
import { pause } from '../../service/backoff.ts';
import { AppendLedger, numbered } from '../support/log/append-ledger.ts';
import { judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { SOUND } from '../support/log/read-verdict.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { offsets } from '../support/log/recording-reader.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const NEIGHBOURS = [0, 1];
const ORPHAN = 2;
const AWAY = 3;

let cluster: KafkaCluster;
let recorder: RawRecorder;
let commits: CommitRecorder;

withCluster(3, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
  commits = new CommitRecorder(cluster);
});

describe.for(CLIENTS)('%s', (client) => {
  let bench: ReadingBench;
  let topic: string;
  let over: AbortController;
  const appenders: Appender[] = [];

  beforeEach(async () => {
    over = new AbortController();
    bench = new ReadingBench(client, cluster, commits);
    topic = `test-${randomUUID()}`;
    const assignments = [1, 2, AWAY].map((broker, partition) => ({ partition, brokers: [broker] }));
    const configs = [{ name: 'min.insync.replicas', value: '1' }];
    await cluster.ask((admin) => admin.createTopics({ topics: [{ topic, assignments }], configs }));
  });

  afterEach(async () => {
    over.abort();
    await bench.stop();
    await Promise.all(appenders.splice(0).map((one) => one.stop()));
  });

  function opened(): AppendLedger {
    const appender = appenderUnderTest(client, cluster.brokers);
    appenders.push(appender);
    return new AppendLedger(appender);
  }

  /** Until the test is over. */
  async function settle(ledger: AppendLedger, partition: number, number: number): Promise<void> {
    const to = { topic, partition };
    while ((await ledger.append(to, [numbered(to, number)])).outcome !== 'acked') {
      await pause(100, over.signal);
      over.signal.throwIfAborted();
    }
  }

  test('row 40 · its neighbours are appended to and read all the same, by clients that were open before and by others, and it goes on with a leader', async () => {
    const ledger = opened();
    for (const partition of [...NEIGHBOURS, ORPHAN]) await settle(ledger, partition, 0);
    const first = await bench.open({ topic, groupId: await cluster.groupNotWith(AWAY) });
    await vi.waitFor(() => expect(first.recorded.records).toHaveLength(3), WAIT);
    const groupId = await cluster.groupNotWith(AWAY);
    await bench.admin.setCommitted(groupId, topic, new Map([0, 1, ORPHAN].map((partition) => [partition, 0n])));

    const away = cluster.node(AWAY);
    await away.stop();
    await vi.waitFor(async () => {
      const [description] = await bench.admin.topics([topic]);
      expect(description?.partitions.map(({ leader }) => leader)).toEqual([1, 2, -1]);
    }, WAIT);

    const pending = settle(ledger, ORPHAN, 1);
    pending.catch(() => undefined);
    const later = opened();
    for (const partition of NEIGHBOURS) {
      await settle(ledger, partition, 1);
      await settle(later, partition, 2);
    }
    const readers = [
      first,
      await bench.open({ topic, groupId, member: 'second' }),
      // Of a group that has committed nothing: it asks each partition where it begins.
      await bench.open({ topic, groupId: await cluster.groupNotWith(AWAY), member: 'third' }),
    ];
    for (const { recorded } of readers) {
      for (const partition of NEIGHBOURS) {
        await vi.waitFor(() => expect(recorded.offsets(partition)).toEqual(offsets(0, 3)), WAIT);
      }
    }
    await vi.waitFor(() => expect(ledger.attempts.at(-1)?.outcome.outcome).toBe('unknown'), WAIT);

    await away.start();
    await cluster.whole();
    await pending;
    for (const { recorded } of readers) {
      await vi.waitFor(() => expect(new Set(recorded.offsets(ORPHAN)).size).toBe(2), WAIT);
    }
    const verdict = judgeAppends([...ledger.attempts, ...later.attempts], await recorder.stored(topic));
    expect(verdict).toMatchObject({ violations: NONE, acked: 8 });
  });

  test('row 41 · the broker that coordinates a group goes away for good: the group goes on with another', async () => {
    const shared = await cluster.createTopic(NEIGHBOURS.length);
    const groupId = bench.groupId();
    const isRead = async (records: number): Promise<void> => {
      const all = NEIGHBOURS.map((partition) => [partition, BigInt(records)]);
      const committed = async () => [...(await bench.admin.committed(groupId, shared))].sort(([a], [b]) => a - b);
      await vi.waitFor(async () => expect(await committed()).toEqual(all), WAIT);
    };
    for (const partition of NEIGHBOURS) await bench.append({ topic: shared, partition }, 5);
    const { recorded } = await bench.open({ topic: shared, groupId });
    await isRead(5);
    const away = cluster.node(await cluster.coordinatorOf(groupId));
    await away.stop();
    try {
      for (const partition of NEIGHBOURS) await bench.append({ topic: shared, partition }, 5);
      await isRead(10);
      for (const partition of NEIGHBOURS) expect(new Set(recorded.offsets(partition))).toEqual(new Set(offsets(0, 10)));
      expect((await bench.judge(shared, groupId, recorded.handled)).violations).toEqual(SOUND);
    } finally {
      await away.start();
      await cluster.whole();
    }
  });
});
