// Transactions of foreign producers (this system uses none): what was aborted or is still open is never handed over, whatever the
// order; what is behind it comes when it is decided; and a group that has read everything has no lag left. By both clients.
import { Producer } from '@platformatic/kafka';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TopicPartition } from '../../kafka/log.ts';
import { FIRST_MS } from '../support/log/append-ledger.ts';
import { CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { withCluster } from '../support/log/with-cluster.ts';
import { projectFiles } from '../support/project-files.ts';

const TRANSACTIONAL_CALLS = /\.transaction\(|beginTransaction|sendOffsets\b|transactionalId|addOffsetsToTransaction/;

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
  let producers: Producer[];

  beforeEach(async () => {
    bench = new ReadingBench(client, cluster, commits);
    topic = await cluster.createTopic(1);
    groupId = bench.groupId();
    producers = [];
  });

  afterEach(async () => {
    await bench.stop();
    await Promise.all(producers.map((one) => one.close()));
  });

  const only = (): TopicPartition => ({ topic, partition: 0 });

  /** A producer of its own with an open transaction; `write` appends one record to it. */
  async function begin(name: string) {
    const bootstrapBrokers = [...cluster.direct];
    const transactionalId = `${topic}-${name}-${producers.length}`;
    const producer = new Producer({ clientId: 'test', bootstrapBrokers, idempotent: true, transactionalId });
    producers.push(producer);
    const transaction = await producer.beginTransaction();
    const write = async (text: string): Promise<void> => {
      await transaction.send({ messages: [{ ...only(), value: Buffer.from(text) }] });
    };
    return { write, commit: () => transaction.commit(), abort: () => transaction.abort() };
  }

  async function committed(offset: bigint): Promise<void> {
    await vi.waitFor(async () => expect((await bench.admin.committed(groupId, topic)).get(0)).toBe(offset), WAIT);
  }

  async function end(): Promise<bigint> {
    return (await bench.admin.ends(topic)).get(0)?.highWatermark ?? -1n;
  }

  test('row 24 · aborted data is not handed over, in whatever order transactions overlap and wherever reading begins', async () => {
    const [first, second, third] = [await begin('a'), await begin('b'), await begin('c')];
    await first.write('aborted 0');
    await second.write('aborted 1');
    await third.write('committed 2');
    await first.write('aborted 3');
    await second.write('aborted 4');
    // The one that began last ends first: a client that takes the list for sorted lets the other's first record through.
    await second.abort();
    await first.abort();
    await third.commit();
    const { reader, recorded } = await bench.open({ topic, groupId });
    const texts = () => recorded.records.map(({ value }) => value?.toString());
    await committed(await end());
    expect(texts()).toEqual(['committed 2']);
    // From the middle: two aborted transactions have begun before the first record that is fetched.
    for (const from of [1n, 2n, 3n, 4n]) {
      recorded.records.length = 0;
      reader.seek(only(), from);
      await committed(await end());
      await bench.append(only(), 1);
      await committed(await end());
      expect(texts().filter((text) => text?.startsWith('aborted'))).toEqual([]);
    }
  });

  test('row 25 · behind markers at the end of the log a group has no lag left, and they are no gap', async () => {
    for (const [name, how] of ['commit', 'abort', 'abort', 'commit', 'abort'].entries()) {
      const transaction = await begin(String(name));
      await transaction.write(how);
      await (how === 'commit' ? transaction.commit() : transaction.abort());
    }
    const { recorded } = await bench.open({ topic, groupId });
    await committed(10n);
    expect(recorded.records.map(({ value }) => value?.toString())).toEqual(['commit', 'commit']);
    const late = await begin('late');
    await late.write('late');
    await late.abort();
    await committed(12n);
    await bench.append(only(), 5);
    await committed(17n);
    expect(recorded.gaps).toEqual([]);
  });

  test('row 28 · an open transaction holds back what is behind it; both ends of the log are told apart', async () => {
    await bench.append(only(), 10);
    const open = await begin('open');
    await open.write('open');
    await bench.append(only(), 10);
    const { recorded } = await bench.open({ topic, groupId });
    await committed(10n);
    expect((await bench.admin.ends(topic)).get(0)).toEqual({ logStart: 0n, lastStable: 10n, highWatermark: 21n });
    expect(recorded.records).toHaveLength(10);
    await open.abort();
    await committed(22n);
    expect(recorded.records).toHaveLength(20);
    expect(recorded.gaps).toEqual([]);
  });

  test('row 28 · asked for a time behind the last record, the log has no offset', async () => {
    await bench.append(only(), 10);
    expect([...(await bench.admin.offsetsAt(topic, FIRST_MS))]).toEqual([[0, 0n]]);
    expect([...(await bench.admin.offsetsAt(topic, FIRST_MS + 4))]).toEqual([[0, 4n]]);
    expect([...(await bench.admin.offsetsAt(topic, FIRST_MS + 10))]).toEqual([[0, undefined]]);
  });
});

test('row 24 · no room opens a transaction on the log', () => {
  const rooms = /^(kafka|producers|consumers|operator|service)\//;
  const found = projectFiles()
    .filter(({ path }) => rooms.test(path) && !path.endsWith('.test.ts'))
    // The drill plants an aborted one in a topic of its own; the other is a browser's database.
    .filter(({ path }) => !['kafka/scratch-topics.ts', 'producers/client/browser-store.ts'].includes(path))
    .filter(({ text }) => TRANSACTIONAL_CALLS.test(text));
  expect(found.map(({ path }) => path)).toEqual([]);
});
