// The contract of an appender in its shortest form: records under a handful of faults, by both clients, and the naive use that loses
// some. The whole of it, row by row and seed by seed, is `npm run test:faults`.
import { expect, test } from 'vitest';
import { numbered } from '../support/log/append-ledger.ts';
import { judgeAppends, NONE } from '../support/log/append-verdict.ts';
import { CLIENTS } from '../support/log/clients-under-test.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { API } from '../support/log/kafka-frames.ts';
import { NaiveAppender } from '../support/log/naive-appender.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { soak } from '../support/log/soak.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const RECORDS = 5_000;

let cluster: KafkaCluster;
let recorder: RawRecorder;

withCluster(1, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
});

test.for(CLIENTS)(
  '%s: what is acknowledged is stored, once and in order, whatever happens on the way',
  async (client) => {
    const { verdict, faults } = await soak({
      cluster,
      recorder,
      client,
      seed: 1,
      records: RECORDS,
      faultEveryMs: 300,
      faultsMin: 8,
    });
    expect(verdict, JSON.stringify(faults)).toMatchObject({ violations: NONE, overtaken: [], acked: RECORDS });
  },
);

test('a client that is used naively loses what it acknowledged, and the verdict finds it', async () => {
  const topic = await cluster.createTopic(1);
  const naive = new NaiveAppender(cluster.brokers);
  await naive.connect();
  cluster.node(1).proxy.onAnswer(({ apiKey, nth }) => (apiKey === API.Produce && nth % 20 === 0 ? 'reset' : 'pass'));
  const to = { topic, partition: 0 };
  await Promise.all(Array.from({ length: 200 }, (_, number) => naive.send([{ to, record: numbered(to, number) }])));
  cluster.heal();
  await naive.stop();
  const { violations } = judgeAppends(naive.attempts, await recorder.stored(topic));
  expect(violations.missing.length).toBeGreaterThan(0);
});
