// What an appender makes of answers that come late, never, torn or changed, by both clients, on a real broker behind a proxy that
// knows requests from answers.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkCluster } from '../../kafka/connect.ts';
import type { Appender } from '../../kafka/log.ts';
import { AppendLedger, FIRST_MS, numbered } from '../support/log/append-ledger.ts';
import { appendLoad } from '../support/log/append-load.ts';
import { type AppendVerdict, judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import type { FaultProxy } from '../support/log/fault-proxy.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { API, withOfferedVersions } from '../support/log/kafka-frames.ts';
import { withDamagedRecords, withProduceError } from '../support/log/produce-frames.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const PARTITIONS = 4;
const NOT_LEADER_OR_FOLLOWER = 6;

let cluster: KafkaCluster;
let recorder: RawRecorder;
let proxy: FaultProxy;

withCluster(1, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
  proxy = cluster.node(1).proxy;
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

  test('row 1 · appends at once to few partitions, every 41st acknowledgement lost: none of the acknowledged is missing', async () => {
    const perPartition = 500;
    let lost = 0;
    proxy.onAnswer(({ apiKey, nth }) => {
      if (apiKey !== API.Produce || nth % 41 !== 0) return 'pass';
      lost += 1;
      return 'reset';
    });
    const numbers = Array.from({ length: perPartition * PARTITIONS }, (_, index) => index);
    await Promise.all(
      numbers.map((index) => {
        const to = { topic, partition: index % PARTITIONS };
        return ledger.settle(to, [numbered(to, Math.floor(index / PARTITIONS))]);
      }),
    );
    expect(lost).toBeGreaterThan(10);
    expect(await verdict()).toMatchObject({ violations: NONE, acked: perPartition * PARTITIONS });
  });

  test.for([
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 45],
    ['DUPLICATE_SEQUENCE_NUMBER', 46],
    ['INVALID_PRODUCER_EPOCH', 47],
    ['UNKNOWN_PRODUCER_ID', 59],
    ['a code that no client knows', 999],
  ] as const)('row 5 · after %s a partition goes on under a new producer id', async ([, code]) => {
    const to = { topic, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    let denied = 0;
    proxy.onRequest(({ apiKey }, frame) =>
      apiKey === API.Produce && denied === 0 ? withDamagedRecords(frame) : frame,
    );
    proxy.onAnswer(({ apiKey, apiVersion, frame }) => {
      if (apiKey !== API.Produce || denied > 0) return 'pass';
      denied += 1;
      return withProduceError(frame, apiVersion, code);
    });
    for (let number = 1; number <= 5; number += 1) await ledger.settle(to, [numbered(to, number)]);
    expect(denied).toBe(1);
    // What the broker denied it had not written, so that there is nothing twice either.
    expect(await verdict()).toMatchObject({ violations: NONE, acked: 6, copies: 0 });
  });

  test('row 2 · a broker that does not lead a partition any more is asked who does, and no outcome is unknown', async () => {
    const to = { topic, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    const asked: number[] = [];
    proxy.onRequest(({ apiKey }, frame) => {
      asked.push(apiKey);
      // What the broker denies it may not write either.
      return isFirstSend(apiKey) ? withDamagedRecords(frame) : frame;
    });
    proxy.onAnswer(({ apiKey, apiVersion, frame }) =>
      isFirstSend(apiKey) ? withProduceError(frame, apiVersion, NOT_LEADER_OR_FOLLOWER) : 'pass',
    );
    const isFirstSend = (apiKey: number): boolean =>
      apiKey === API.Produce && asked.indexOf(API.Produce) === asked.lastIndexOf(API.Produce);
    await ledger.settle(to, [numbered(to, 1)]);
    expect(asked.slice(asked.indexOf(API.Produce), asked.lastIndexOf(API.Produce))).toContain(API.Metadata);
    expect(await verdict()).toMatchObject({ violations: NONE, acked: 2, unknown: 0, copies: 0 });
  });

  test('row 2 · an answer that denies one partition denies none of those that it tells of as well', async () => {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
    await Promise.all(partitions.map((to) => ledger.settle(to, [numbered(to, 0)])));
    let answers = 0;
    proxy.onAnswer(({ apiKey, apiVersion, frame }) => {
      if (apiKey !== API.Produce) return 'pass';
      answers += 1;
      return answers === 1 ? withProduceError(frame, apiVersion, 999, ({ partition }) => partition === 0) : 'pass';
    });
    await Promise.all(partitions.map((to) => ledger.settle(to, [numbered(to, 1)])));
    // The first, which was denied, was written, and is appended again. One client has one request for all of a turn, the other has one for each.
    expect(answers).toBe(client === 'platformatic' ? 2 : PARTITIONS + 1);
    expect(await verdict()).toMatchObject({ violations: NONE, acked: 2 * PARTITIONS, copies: 1 });
  });

  test('row 7 · connections to a host that has vanished are given up, and appends go on over new ones', async () => {
    const to = { topic, partition: 0 };
    await ledger.settle(to, [numbered(to, 0)]);
    const before = proxy.accepted;
    proxy.blackhole({ existingOnly: true });
    await appendLoad(ledger, { topic, partitions: PARTITIONS, records: 400 });
    expect(proxy.accepted).toBeGreaterThan(before);
    const found = await verdict();
    expect(found).toMatchObject({ violations: NONE, overtaken: [] });
  });

  test('row 8 · answers that are torn in the middle, and some that never come, hold up nothing for good', async () => {
    let faults = 0;
    proxy.onAnswer(({ apiKey, nth }) => {
      if (apiKey !== API.Produce || nth % 7 !== 0) return 'pass';
      faults += 1;
      return faults === 5 ? 'swallow' : 'tear';
    });
    await appendLoad(ledger, { topic, partitions: PARTITIONS, records: 2_000, batchRecordsMax: 10, bytesMax: 20_000 });
    expect(faults).toBeGreaterThan(5);
    expect(await verdict()).toMatchObject({ violations: NONE, overtaken: [], acked: 2_000 });
  });

  test('row 9 · a burst of 20,000 records reaches the client in batches that it can group', async () => {
    await appendLoad(ledger, {
      topic,
      partitions: PARTITIONS,
      records: 20_000,
      batchRecordsMax: 500,
      bytesMax: 50_000_000,
    });
    expect(Math.max(...ledger.attempts.map(({ ids }) => ids.length))).toBeLessThanOrEqual(500);
    expect(await verdict()).toMatchObject({ violations: NONE, acked: 20_000, copies: 0 });
  });

  test('row 38 · records that are months apart keep their times in one batch', async () => {
    const to = { topic, partition: 0 };
    const times = [FIRST_MS, FIRST_MS - 2 ** 31, FIRST_MS - 2 ** 32, FIRST_MS - 2 ** 35, FIRST_MS + 1];
    const records = times.map((timestampMs, number) => ({ ...numbered(to, number), timestampMs }));
    expect(await ledger.append(to, records)).toMatchObject({ outcome: 'acked', baseOffset: 0n });
    const stored = await recorder.stored(topic);
    expect(stored.map(({ timestampMs }) => timestampMs)).toEqual(times);
  });

  test('row 37 · a broker that no longer takes what the client speaks is refused before anything is opened', async () => {
    const config = { brokers: cluster.brokers, appenderClient: client };
    await checkCluster({ config, clientId: 'test' });
    proxy.onAnswer(({ apiKey, apiVersion, frame }) =>
      apiKey === API.ApiVersions ? withOfferedVersions(frame, apiVersion, API.Produce, [90, 99]) : 'pass',
    );
    await expect(checkCluster({ config, clientId: 'test' })).rejects.toMatchObject({ code: 'PMC_KAFKA_INCOMPATIBLE' });
  });
});
