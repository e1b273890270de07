// What an appender makes of three brokers of which one vanishes, and of leaders that move, by both clients.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import type { Appender } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { PmcError } from '../../service/errors.ts';
import { AppendLedger, numbered } from '../support/log/append-ledger.ts';
import { appendLoad } from '../support/log/append-load.ts';
import { type AppendVerdict, judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const PARTITIONS = 3;
const WAIT = { timeout: 60_000, interval: 200 };

let cluster: KafkaCluster;
let recorder: RawRecorder;

withCluster(3, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
});

describe.for(CLIENTS)('%s', (client) => {
  let appender: Appender;
  let ledger: AppendLedger;
  let topic: string;

  beforeEach(async () => {
    topic = await cluster.createTopic(PARTITIONS);
    appender = appenderUnderTest(client, cluster.brokers);
    ledger = new AppendLedger(appender);
  });

  afterEach(async () => {
    cluster.heal();
    await appender.stop();
  });

  async function verdict(): Promise<AppendVerdict> {
    return judgeAppends(ledger.attempts, await recorder.stored(topic));
  }

  test('row 2 · leaders that move under the load cost no record', async () => {
    await appendLoad(ledger, {
      topic,
      partitions: PARTITIONS,
      records: 3_000,
      bytesMax: 20_000,
      onRecord: async (index) => {
        if (index % 300 === 299) await cluster.moveLeader(topic, Math.floor(index / 300) % PARTITIONS);
      },
    });
    expect(await verdict()).toMatchObject({ violations: NONE, overtaken: [], acked: 3_000 });
  });

  test('row 3 · records without a key stay on their partition, in order, when it has another leader', async () => {
    const places = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
    for (let number = 0; number < 6; number += 1) {
      await Promise.all(places.map((to) => ledger.settle(to, [{ ...numbered(to, number), key: null }])));
      await cluster.moveLeader(topic, number % PARTITIONS);
    }
    expect(await verdict()).toMatchObject({ violations: NONE, acked: 6 * PARTITIONS, copies: 0 });
    expect(new Set((await recorder.stored(topic)).map(({ key }) => key))).toEqual(new Set(['null']));
  });

  test('row 6 · a leader that vanishes at full load holds up a bounded amount until there is another', async () => {
    const bytesMax = 200_000;
    const to = { topic, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    const gone = cluster.node(await cluster.leaderOf(topic, 0));
    const { bufferedBytesMax } = await appendLoad(ledger, {
      topic,
      partitions: PARTITIONS,
      records: 30_000,
      bytesMax,
      onRecord: async (index) => {
        if (index !== 10_000) return;
        gone.proxy.blackhole();
        await gone.kill();
      },
    });
    expect(await cluster.leaderOf(topic, 0)).not.toBe(gone.nodeId);
    expect(bufferedBytesMax).toBeLessThan(bytesMax + 1_000);
    expect(await verdict()).toMatchObject({ violations: NONE, overtaken: [], acked: 30_000 });
    cluster.heal();
    await gone.start();
    await cluster.whole();
  });

  test('row 32 · nothing is acknowledged that too few replicas have', async () => {
    const strict = await cluster.createTopic(1, { 'min.insync.replicas': '3' });
    const to = { topic: strict, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    const away = cluster.nodes.find(({ nodeId }) => nodeId === 3);
    await away?.kill();
    const pending = ledger.settle(to, [numbered(to, 1)]);
    await expect.poll(() => ledger.attempts.at(-1)?.outcome.outcome, { timeout: 60_000 }).toBe('unknown');
    await away?.start();
    expect(await pending).toMatchObject({ outcome: 'acked' });
    const found = judgeAppends(ledger.attempts, await recorder.stored(strict));
    expect(found).toMatchObject({ violations: NONE, acked: 2 });
    await cluster.whole();
  });
});

test('row 32 · topics of which one disk may have the only copy are refused, and taken when they are set right', async () => {
  const access = { brokers: cluster.direct };
  const settings = [{ name: 'min.insync.replicas', value: '1' }];
  const create = (topic: string, replicas: number): Promise<unknown> =>
    cluster.ask((admin) => admin.createTopics({ topics: [topic], partitions: 2, replicas, configs: settings }));
  await Promise.all([create(TOPIC.sources, 1), create(TOPIC.rejected, 3)]);
  const { mismatches } = await ensureTopics(access).then(
    () => ({ mismatches: [] }),
    (error: unknown) => (error instanceof PmcError ? error.details : {}),
  );
  expect(mismatches).toEqual([
    expect.stringMatching(`^${TOPIC.rejected} has min.insync.replicas=1, must be 2`),
    expect.stringMatching(`^${TOPIC.sources} has 1 replica, must have 2 at least`),
  ]);
  await cluster.ask((admin) => admin.deleteTopics({ topics: [TOPIC.sources, TOPIC.rejected] }));
  // A broker knows for a moment more what is gone, and another does not know yet what is new.
  await vi.waitFor(async () => expect(await ensureTopics(access)).toEqual([]), WAIT);
});
