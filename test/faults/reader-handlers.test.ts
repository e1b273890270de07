// What a reader makes of a handler that fails, whatever it throws, of one that takes long, and of records that cannot be read. By
// both clients: nothing is committed that was not handled, nothing is left out, and nobody waits for ever.
import { Producer } from '@platformatic/kafka';
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { AppendRecord, TopicPartition } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { appenderUnderTest, CLIENTS } from '../support/log/clients-under-test.ts';
import { CommitRecorder } from '../support/log/commit-recorder.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { API } from '../support/log/kafka-frames.ts';
import { SOUND } from '../support/log/read-verdict.ts';
import { ReadingBench, WAIT } from '../support/log/reading-bench.ts';
import { offsets } from '../support/log/recording-reader.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const PRODUCER = 'org.apache.kafka.tools.ProducerPerformance';
/** A call takes some 125,000 arguments. */
const MANY = 150_000;
/** Longer than the session of a member that says nothing. */
const STALL_MS = 14_000;

let cluster: KafkaCluster;
let commits: CommitRecorder;
let codec: Codec;

withCluster(1, async (started) => {
  cluster = started;
  commits = new CommitRecorder(cluster);
  codec = new Codec(inject('registryUrl'));
  await codec.prepare([TOPIC.incoming]);
});

describe.for(CLIENTS)('%s', (client) => {
  let bench: ReadingBench;
  let topic: string;
  let groupId: string;

  beforeEach(async () => {
    bench = new ReadingBench(client, cluster, commits);
    topic = await cluster.createTopic(2);
    groupId = bench.groupId();
  });

  afterEach(async () => {
    await bench.stop();
  });

  test.for([1, 2, 3, 4, 5])(
    'a broker that goes away at question %i about the cluster, as the reader begins, delays it',
    async (nth) => {
      for (const partition of [0, 1]) await bench.append({ topic, partition }, 20);
      let asked = 0;
      cluster.node(1).proxy.onAnswer(({ apiKey }) => {
        if (apiKey === API.Metadata) asked += 1;
        return apiKey === API.Metadata && asked === nth ? 'reset' : 'pass';
      });
      const { recorded } = await bench.open({ topic, groupId });
      await vi.waitFor(() => expect(recorded.records).toHaveLength(40), WAIT);
      cluster.heal();
      expect([asked >= nth, recorded.fatal]).toEqual([true, []]);
    },
  );

  const on = (partition: number): TopicPartition => ({ topic, partition });

  test('row 15 · a handler that fails now and then gets all of it again, and nothing is committed before', async () => {
    await bench.append(on(0), 200);
    await bench.append(on(1), 200);
    let calls = 0;
    let failures = 0;
    const { recorded } = await bench.open({
      topic,
      groupId,
      handle() {
        calls += 1;
        if (calls % 7 !== 3) return Promise.resolve();
        failures += 1;
        return Promise.reject(new Error('the COMMIT failed'));
      },
    });
    await vi.waitFor(() => expect(recorded.records).toHaveLength(400), WAIT);
    expect(failures).toBeGreaterThan(3);
    for (const partition of [0, 1]) expect(recorded.offsets(partition)).toEqual(offsets(0, 200));
    expect(await bench.judge(topic, groupId, recorded.handled)).toEqual({ violations: SOUND, repeated: 0 });
  });

  test('row 19 · whatever a handler throws, the reader lives and hands it over again', async () => {
    const thrown = [
      new TypeError('x is not a function'),
      new RangeError('out of range'),
      new SyntaxError('no'),
      'text',
      0,
    ];
    const wanted = [...thrown];
    await bench.append(on(0), 40);
    const { recorded } = await bench.open({
      topic,
      groupId,
      handle({ records }) {
        const [next] = wanted;
        if (wanted.length === 0 || records[0]?.offset !== 20n) return Promise.resolve();
        wanted.shift();
        throw next;
      },
    });
    await vi.waitFor(() => expect(recorded.offsets()).toEqual(offsets(0, 40)), WAIT);
    expect(wanted).toEqual([]);
    expect(recorded.fatal).toEqual([]);
  });

  test('row 20 · records that are too short or end in the middle of a field are data, and their neighbours are read', async () => {
    const sound = codec.encode(TOPIC.incoming, incomingEvent('{"event":"message"}'));
    const values = [sound, Buffer.from([0, 0, 1]), sound, sound.subarray(0, sound.length - 12), sound];
    const records = values.map((value): AppendRecord => ({ key: null, value, headers: {}, timestampMs: Date.now() }));
    const appender = appenderUnderTest('kafkajs', cluster.direct);
    expect(await appender.append(on(0), records)).toMatchObject({ outcome: 'acked' });
    await appender.stop();
    const found: string[] = [];
    const { recorded } = await bench.open({
      topic,
      groupId,
      async handle(batch) {
        for (const { value } of batch.records) {
          const decoded = await codec.decode(TOPIC.incoming, value);
          found.push(decoded.ok ? decoded.value.payload.toString() : decoded.error.code);
        }
      },
    });
    await vi.waitFor(() => expect(recorded.offsets()).toHaveLength(5), WAIT);
    const event = '{"event":"message"}';
    expect(found).toEqual([event, 'PMC_CODEC_MALFORMED', event, 'PMC_CODEC_MALFORMED', event]);
    expect(recorded.fatal).toEqual([]);
  });

  test('row 21 · a handler that stalls for longer than a session keeps its partitions; nothing is handled twice', async () => {
    await bench.append(on(0), 20);
    const stalled = Promise.withResolvers<void>();
    setTimeout(stalled.resolve, STALL_MS);
    const first = await bench.open({ topic, groupId, member: 'first', handle: () => stalled.promise });
    await vi.waitFor(() => expect(first.recorded.assignments).toHaveLength(1), WAIT);
    await vi.waitFor(() => expect(first.recorded.offsets()).toHaveLength(20), WAIT);
    expect(first.recorded.assignments).toHaveLength(1);
    expect(first.recorded.revoked).toEqual([]);
    await vi.waitFor(async () => expect((await bench.admin.committed(groupId, topic)).get(0)).toBe(20n), WAIT);
    expect(await bench.judge(topic, groupId, first.recorded.handled)).toEqual({ violations: SOUND, repeated: 0 });
  });

  test('row 30 · what other producers compressed, each in another way, is read like the rest', async () => {
    const load = ['--num-records', '50', '--record-size', '100', '--throughput', '-1', '--topic', topic];
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const properties = ['--command-property', `compression.type=${compression}`];
      const access = ['--bootstrap-server', cluster.direct.join(',')];
      const producer = cluster.startTool(`producer-${compression}`, PRODUCER, [...access, ...load, ...properties]);
      expect(await producer.exited).toMatchObject({ succeeded: true });
    }
    const { recorded } = await bench.open({ topic, groupId, batchRecordsMax: 50 });
    await vi.waitFor(() => expect(recorded.records).toHaveLength(250), WAIT);
    expect(recorded.records.map(({ value }) => value?.length)).toEqual(Array.from({ length: 250 }, () => 100));
    expect(recorded.gaps).toEqual([]);
  });

  test('row 30 · a batch of very many records, which is small as it is stored, is read to its last one', async () => {
    const value = Buffer.from('{"a":1}');
    const messages = Array.from({ length: MANY }, () => ({ ...on(0), value }));
    const producer = new Producer({ clientId: 'test', bootstrapBrokers: [...cluster.direct], compression: 'gzip' });
    await producer.send({ messages });
    await producer.close();
    await bench.append(on(1), 10);
    const { recorded } = await bench.open({ topic, groupId, batchRecordsMax: 50_000 });
    await vi.waitFor(() => expect(recorded.records).toHaveLength(MANY + 10), WAIT);
    expect(await bench.judge(topic, groupId, recorded.handled)).toEqual({ violations: SOUND, repeated: 0 });
    expect([recorded.gaps, recorded.fatal]).toEqual([[], []]);
  });

  test('row 22 · a partition whose handler hangs holds up only itself', async () => {
    await bench.append(on(0), 10);
    const released = Promise.withResolvers<void>();
    const { recorded } = await bench.open({
      topic,
      groupId,
      handle: ({ partition }) => (partition === 0 ? released.promise : Promise.resolve()),
    });
    for (const round of [1, 2, 3]) {
      await bench.append(on(1), 10);
      await vi.waitFor(() => expect(recorded.offsets(1)).toEqual(offsets(0, 10 * round)), WAIT);
    }
    expect(recorded.offsets(0)).toEqual([]);
    released.resolve();
    await vi.waitFor(() => expect(recorded.offsets(0)).toEqual(offsets(0, 10)), WAIT);
  });

  test('row 22 · what waited for a partition whose handler hung goes on when it returns', async () => {
    const released = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    await bench.append(on(0), 10);
    const { recorded } = await bench.open({
      topic,
      groupId,
      handle: async ({ partition }) => {
        if (partition === 1) return;
        entered.resolve();
        await released.promise;
      },
    });
    await entered.promise;
    await bench.append(on(1), 10);
    released.resolve();
    await vi.waitFor(() => expect(recorded.records).toHaveLength(20), WAIT);
    expect(await bench.judge(topic, groupId, recorded.handled)).toEqual({ violations: SOUND, repeated: 0 });
  });

  test('row 39 · a batch that is damaged on its way waits, and is read when it comes as it is stored', async () => {
    const damaged = Promise.withResolvers<void>();
    cluster.node(1).proxy.onAnswer(({ apiKey, frame }) => {
      const at = apiKey === API.Fetch ? frame.indexOf(`${topic}/0/7 `) : -1;
      if (at < 0) return 'pass';
      const changed = Buffer.from(frame);
      changed.write('8', at + `${topic}/0/`.length);
      damaged.resolve();
      return changed;
    });
    try {
      await bench.append(on(0), 10);
      const { recorded } = await bench.open({ topic, groupId });
      await damaged.promise;
      await bench.append(on(1), 10);
      // kafkajs takes an answer as a whole or not at all.
      if (client === 'platformatic') await vi.waitFor(() => expect(recorded.offsets(1)).toEqual(offsets(0, 10)), WAIT);
      expect(recorded.offsets(0)).not.toContain(7n);
      cluster.heal();
      await vi.waitFor(() => expect(recorded.records).toHaveLength(20), WAIT);
      const numbers = recorded.records.map(({ value }) => value?.toString().split(' ')[0]);
      expect(numbers).toEqual(recorded.records.map(({ partition, offset }) => `${topic}/${partition}/${offset}`));
      expect(await bench.judge(topic, groupId, recorded.handled)).toEqual({ violations: SOUND, repeated: 0 });
      expect(recorded.fatal).toEqual([]);
    } finally {
      cluster.heal();
    }
  });
});
