// A group on three brokers that are restarted one after the other, its idle connections, and its offsets when setting them goes
// wrong half-way. By both clients.
import { describe, expect, onTestFinished, type TestContext, test, vi } from 'vitest';
import { openAdmin } from '../../kafka/connect.ts';
import { AppendLedger } from '../support/log/append-ledger.ts';
import { appendLoad } from '../support/log/append-load.ts';
import { judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import { idleOf } from '../support/log/idle-process.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { API, withInt64 } from '../support/log/kafka-frames.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { SOUND } from '../support/log/read-verdict.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { offsets } from '../support/log/recording-reader.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const PARTITIONS = 3;
/** An unpatched connection of kafkajs alone wakes about a thousand times. */
const WAKES_PER_SECOND_MAX = 200;
const DEADLINE = { ...WAIT, timeout: 110_000 };

let cluster: KafkaCluster;
let recorder: RawRecorder;
let commits: CommitRecorder;

withCluster(3, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
  commits = new CommitRecorder(cluster);
});

/** Restarts every broker in order, once for all who wait for it, when both clients are at work. */
class RollingRestart {
  readonly #ready = Promise.withResolvers<void>();
  #waiting = 0;
  #done: Promise<void> | undefined;

  async whenAllAreAtWork(): Promise<void> {
    this.#waiting += 1;
    if (this.#waiting === CLIENTS.length) this.#ready.resolve();
    await this.#ready.promise;
    this.#done ??= this.#restart();
    await this.#done;
  }

  async #restart(): Promise<void> {
    for (const node of cluster.nodes) {
      await node.stop();
      await node.start();
      await cluster.whole();
    }
  }
}

const rollingRestart = new RollingRestart();

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

  test('row 23 · brokers restarted one after the other under load: nothing is lost, no position goes back for good, the group catches up', async (context) => {
    const { bench, groupId } = begin(context);
    const topic = await cluster.createTopic(PARTITIONS);
    const appender = appenderUnderTest(client, cluster.brokers);
    context.onTestFinished(() => appender.stop());
    const ledger = new AppendLedger(appender);
    const { recorded } = await bench.open({ topic, groupId, batchRecordsMax: 100 });
    let restarted = false;
    let rounds = 0;
    const restarting = rollingRestart.whenAllAreAtWork().then(() => {
      restarted = true;
    });
    // Until the last broker is back, and once more with all of them there.
    for (let isLast = false; !isLast; rounds += 1) {
      isLast = restarted;
      await appendLoad(ledger, { topic, partitions: PARTITIONS, records: 300, bytesMax: 50_000, first: rounds * 100 });
    }
    await restarting;
    const verdict = judgeAppends(ledger.attempts, await recorder.stored(topic));
    expect(verdict).toMatchObject({ violations: NONE, overtaken: [], acked: rounds * 300 });
    await vi.waitFor(async () => {
      const ends = [...(await bench.admin.ends(topic)).values()].map(({ highWatermark }) => highWatermark);
      const committed = await bench.admin.committed(groupId, topic);
      expect(ends.map((_end, partition) => committed.get(partition))).toEqual(ends);
    }, DEADLINE);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const found = [...new Set(recorded.offsets(partition))].sort((a, b) => Number(a - b));
      expect(found).toEqual(offsets(0, found.length));
    }
    expect((await bench.judge(topic, groupId, recorded.handled)).violations).toEqual(SOUND);
    expect(recorded.gaps).toEqual([]);
  });
});

describe.for(CLIENTS)('%s, afterwards', (client) => {
  test('row 10 · a process with open connections and nothing to do hardly ever wakes', async () => {
    const topic = await cluster.createTopic(PARTITIONS);
    const { wakesPerSecond } = await idleOf({ client, brokers: cluster.brokers, topic });
    expect(wakesPerSecond).toBeLessThan(WAKES_PER_SECOND_MAX);
  });

  test('row 26 · committed offsets of which one was stored otherwise are not called set', async () => {
    const topic = await cluster.createTopic(PARTITIONS);
    const bench = new ReadingBench(client, cluster, commits);
    for (const partition of [0, 1, 2]) await bench.append({ topic, partition }, 40);
    const groupId = bench.groupId();
    const admin = openAdmin({ config: { brokers: cluster.brokers }, clientId: 'test' });
    onTestFinished(async () => {
      cluster.heal();
      await Promise.all([admin.stop(), bench.stop()]);
    });
    for (const { proxy } of cluster.nodes) {
      proxy.onRequest(({ apiKey }, frame) => (apiKey === API.OffsetCommit ? withInt64(frame, 33n, 32n) : frame));
    }
    const wanted = new Map([31n, 33n, 35n].map((offset, partition) => [partition, offset]));
    await expect(admin.setCommitted(groupId, topic, wanted)).rejects.toMatchObject({
      code: 'PMC_OFFSETS_NOT_SET',
      message: expect.stringContaining('1: 33, reads 32'),
    });
    cluster.heal();
    expect(await admin.setCommitted(groupId, topic, wanted)).toEqual(wanted);
    // A reader of this client goes on exactly there.
    const { recorded } = await bench.open({ topic, groupId });
    await vi.waitFor(() => expect(recorded.records).toHaveLength(9 + 7 + 5), WAIT);
    expect([0, 1, 2].map((partition) => recorded.offsets(partition)[0])).toEqual([31n, 33n, 35n]);
  });
});
