// What an appender makes of a broker that is away, and what is left of records whose process is stopped or killed, by both clients.
import { afterEach, describe, expect, test } from 'vitest';
import { pause } from '../../service/backoff.ts';
import { AppendLedger, numbered } from '../support/log/append-ledger.ts';
import { appendLoad } from '../support/log/append-load.ts';
import { judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { AppendingProcess } from '../support/log/appending-process.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { IS_LONG } from '../support/log/suite-form.ts';
import { withCluster } from '../support/log/with-cluster.ts';

/** Longer than the retries of either client last by themselves. */
const OUTAGE_MS = IS_LONG ? 60_000 : 15_000;
const PARTITIONS = 3;

let cluster: KafkaCluster;
let recorder: RawRecorder;

withCluster(1, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
});

describe.for(CLIENTS)('%s', (client) => {
  afterEach(() => {
    cluster.heal();
  });

  test('row 4 · an outage that is longer than the retries delays records, and neither loses nor silently repeats one', async () => {
    const topic = await cluster.createTopic(PARTITIONS);
    const appender = appenderUnderTest(client, cluster.brokers);
    const ledger = new AppendLedger(appender);
    const to = { topic, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    const outage = (async () => {
      await pause(50);
      await cluster.node(1).kill();
      await pause(OUTAGE_MS);
      await cluster.node(1).start();
    })();
    await appendLoad(ledger, { topic, partitions: PARTITIONS, records: 20_000, bytesMax: 100_000 });
    await outage;
    await appender.stop();
    const found = judgeAppends(ledger.attempts, await recorder.stored(topic));
    expect(found).toMatchObject({ violations: NONE, overtaken: [], acked: 20_000 });
    expect(found.unknown).toBeGreaterThan(0);
    expect(found.copies).toBeLessThanOrEqual(found.unknown);
  });

  test('row 12 · a stop settles everything that was taken, and then nothing more is taken', async () => {
    const topic = await cluster.createTopic(PARTITIONS);
    const process = AppendingProcess.start({ client, brokers: cluster.brokers, topic, partitions: PARTITIONS });
    await process.acknowledged(2_000);
    const { taken, acked } = await process.end('SIGTERM');
    expect(acked.length).toBe(taken);
    const values = new Set((await recorder.stored(topic)).map(({ value }) => value.trim()));
    expect(acked.filter((id) => !values.has(id))).toEqual([]);
  });

  test('row 12 · of a killed process everything is on the log that it had called acknowledged', async () => {
    const topic = await cluster.createTopic(PARTITIONS);
    const process = AppendingProcess.start({ client, brokers: cluster.brokers, topic, partitions: PARTITIONS });
    await process.acknowledged(2_000);
    const { acked } = await process.end('SIGKILL');
    const values = new Set((await recorder.stored(topic)).map(({ value }) => value.trim()));
    expect(acked.length).toBeGreaterThanOrEqual(2_000);
    expect(acked.filter((id) => !values.has(id))).toEqual([]);
  });
});
