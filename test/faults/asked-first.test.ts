// One broker of three that takes connections and is no use, where clients begin: what stands before it closes each connection, or nothing
// ever comes back. By both clients, and for the questions of operators and the audit.
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openAdmin } from '../../kafka/connect.ts';
import { AppendLedger, numbered } from '../support/log/append-ledger.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { WAIT } from '../support/log/reading-bench.ts';
import { recordingReader } from '../support/log/recording-reader.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const USELESS = 3;
const PARTITIONS = [0, 1];
/** Three clients of each kind wait up to forty seconds for a broker that says nothing. */
const PATIENCE_MS = 480_000;

let cluster: KafkaCluster;
let topic: string;
const ends: (() => Promise<void>)[] = [];

withCluster(3, (started) => {
  cluster = started;
});

beforeEach(async () => {
  topic = `test-${randomUUID()}`;
  const assignments = PARTITIONS.map((partition) => ({ partition, brokers: [1 + partition] }));
  const configs = [{ name: 'min.insync.replicas', value: '1' }];
  await cluster.ask((admin) => admin.createTopics({ topics: [topic], assignments, configs }));
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** The same addresses, beginning with each of them: where a client begins it may know from one before, or by chance. */
function orders(): readonly (readonly string[])[] {
  const { brokers } = cluster;
  return brokers.map((_, at) => [...brokers.slice(at), ...brokers.slice(0, at)]);
}

const FAULTS = [
  {
    fault: 'whose connections are closed',
    begin: () => cluster.node(USELESS).stop(),
    end: async () => {
      await cluster.node(USELESS).start();
      await cluster.whole();
    },
  },
  {
    fault: 'that says nothing',
    begin: () => Promise.resolve(cluster.node(USELESS).proxy.blackhole()),
    end: () => Promise.resolve(cluster.heal()),
  },
] as const;

describe.for(FAULTS)('a broker $fault', ({ begin, end }) => {
  beforeEach(async () => {
    await begin();
    ends.push(end);
  });

  const title = 'row 42 · %s appends, reads and answers operators by way of the others';
  test.for(CLIENTS)(title, { timeout: PATIENCE_MS }, async (client) => {
    for (const brokers of orders()) {
      const groupId = await cluster.groupNotWith(USELESS);
      const appender = appenderUnderTest(client, brokers);
      const admin = openAdmin({ config: { brokers }, clientId: 'test' });
      ends.push(
        () => appender.stop(),
        () => admin.stop(),
      );
      const ledger = new AppendLedger(appender);
      const appended = PARTITIONS.map(async (partition) => {
        const to = { topic, partition };
        while ((await ledger.append(to, [numbered(to, 0)])).outcome !== 'acked');
      });
      const [{ recorded, stop }] = await Promise.all([
        recordingReader({ client, brokers, topic, groupId }),
        admin.ends(topic),
        admin.topicSettings(topic),
        ...appended,
      ]);
      ends.push(stop);
      await vi.waitFor(() => {
        for (const partition of PARTITIONS) expect(recorded.offsets(partition).length).toBeGreaterThan(0);
      }, WAIT);
      await vi.waitFor(async () => {
        const [committed, logEnds] = await Promise.all([admin.committed(groupId, topic), admin.ends(topic)]);
        for (const [partition, { highWatermark }] of logEnds) expect(committed.get(partition)).toBe(highWatermark);
      }, WAIT);
    }
  });
});
