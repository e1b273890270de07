// The negative control. The same brokers, proxies, recorder and verdict, but kafkajs used naively: the verdict must find the records
// that were acknowledged and are not there. If this went green by itself, the suite would have stopped looking.
import { afterEach, describe, expect, test } from 'vitest';
import { numbered } from '../support/log/append-ledger.ts';
import { judgeAppends } from '../support/log/append-verdict.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { API } from '../support/log/kafka-frames.ts';
import { NaiveAppender } from '../support/log/naive-appender.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { withCluster } from '../support/log/with-cluster.ts';

let cluster: KafkaCluster;
let recorder: RawRecorder;

withCluster(3, (started) => {
  cluster = started;
  recorder = RawRecorder.start(cluster);
});

describe('kafkajs, used naively', () => {
  let naive: NaiveAppender;

  afterEach(async () => {
    cluster.heal();
    await naive.stop();
  });

  test('row 1 is broken: of sends at once to one partition, some are acknowledged and never stored', async () => {
    const topic = await cluster.createTopic(1);
    naive = new NaiveAppender(cluster.brokers);
    await naive.connect();
    let produced = 0;
    for (const { proxy } of cluster.nodes) {
      proxy.onAnswer(({ apiKey }) => {
        if (apiKey !== API.Produce) return 'pass';
        produced += 1;
        return produced % 20 === 0 ? 'reset' : 'pass';
      });
    }
    const to = { topic, partition: 0 };
    await Promise.all(Array.from({ length: 400 }, (_, number) => naive.send([{ to, record: numbered(to, number) }])));
    const { violations, acked } = judgeAppends(naive.attempts, await recorder.stored(topic));
    expect(acked).toBe(400);
    expect(violations.missing.length).toBeGreaterThan(0);
    expect(violations.repeated.length).toBeGreaterThan(0);
  });

  test('row 2 is broken: a send over several leaders forgets the partition whose leader has just moved', async () => {
    const topic = await cluster.createTopic(3);
    naive = new NaiveAppender(cluster.brokers);
    await naive.connect();
    const all = [0, 1, 2].map((partition) => ({ topic, partition }));
    for (let number = 0; number < 6; number += 1) {
      await naive.send(all.map((to) => ({ to, record: numbered(to, number) })));
      // To a node that leads another partition of the same send.
      await cluster.moveLeader(topic, number % 3);
    }
    const { violations } = judgeAppends(naive.attempts, await recorder.stored(topic));
    expect(violations.missing.length).toBeGreaterThan(0);
  });
});
