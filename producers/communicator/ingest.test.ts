import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import type { AppendRecord } from '../../kafka/log.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import { type Append, type Fate, ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { Ingest } from './ingest.ts';
import { communicatorMetrics } from './metrics.ts';
import { parseFrame } from './parse-frame.ts';
import type { Outcome } from './recent-events.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const FROM = { source: 'chat.example', connection: '01JDAAAAAAAAAAAAAAAAAAAAAA' };
const EPOCH = '01JDBBBBBBBBBBBBBBBBBBBBBB';
const PARTITIONS = 6;
const BYTES_MAX = 10_000_000;

let codec: Codec;
let calls: string[];

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
  calls = [];
});

function setup(inFlightMax: number, fateOf?: (append: Append, call: number) => Fate) {
  const appender = new ScriptedAppender(fateOf);
  const logger = pino({ level: 'silent' });
  const accumulator = new Accumulator({
    appender,
    logger,
    batchRecordsMax: 500,
    batchBytesMax: 500_000,
    bytesMax: BYTES_MAX,
    recordBytesMax: 1_000_000,
  });
  const metrics = communicatorMetrics(new Registry());
  const ingest = new Ingest({
    gatewayEpoch: EPOCH,
    inFlightMax,
    accumulator,
    codec,
    partitions: new Map([TOPIC.incoming, TOPIC.rejected, TOPIC.sources].map((topic) => [topic, PARTITIONS])),
    clock: { nowMs: () => 1_700_000_000_000 },
    logger,
    metrics,
    pausePeers: () => calls.push('pause'),
    resumePeers: () => calls.push('resume'),
  });
  const told: Outcome[] = [];
  const receive = (text: string, from = FROM): void => {
    const frame = { bytes: Buffer.from(text), isBinary: false };
    ingest.receive({ frame, parsed: parseFrame(frame), from, place: null, onSettled: (outcome) => told.push(outcome) });
  };
  /** What fills the accumulator and is no frame. */
  const checkpoint = (): void => {
    const record = { key: EPOCH, value: Buffer.alloc(BYTES_MAX / 20), headers: {}, timestampMs: 1 };
    void accumulator.append({ topic: TOPIC.sources, partition: 0 }, record);
  };
  return { appender, accumulator, ingest, receive, checkpoint, told, metrics };
}

function message(number: number, chat = `c${number % 4}`): string {
  return JSON.stringify({ event: 'message', id: `m${number}`, chat });
}

async function sequenceOf(
  { value }: AppendRecord,
  topic: typeof TOPIC.incoming | typeof TOPIC.rejected,
): Promise<number> {
  const decoded = await codec.decode(topic, value);
  return decoded.ok ? decoded.value.ingestSeq : -1;
}

async function sequences(appender: ScriptedAppender, topic: typeof TOPIC.incoming | typeof TOPIC.rejected) {
  const found = await Promise.all(appender.topic(topic).map((record) => sequenceOf(record, topic)));
  return found.sort((a, b) => a - b);
}

function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1);
}

describe('a received frame', () => {
  test('has its number at receipt, dense from 1, and is settled when the log has it', async () => {
    const { appender, accumulator, ingest, receive, told } = setup(1_000);
    appender.hold();
    for (const number of upTo(20)) receive(message(number));
    expect(told).toEqual([]);
    expect([ingest.settlement.received, ingest.settlement.settledUpTo, ingest.appendedTotal]).toEqual([20, 0, 0]);
    appender.release();
    await accumulator.flush();
    expect([ingest.settlement.settledUpTo, ingest.settlement.inFlight, ingest.appendedTotal]).toEqual([20, 0, 20]);
    expect(await sequences(appender, TOPIC.incoming)).toEqual(upTo(20));
    expect(told).toHaveLength(20);
    for (const outcome of told) expect(outcome).toMatchObject({ kind: 'logged' });
  });

  test('lies in the partition of its chat, with its bytes, its receipt and its hash', async () => {
    const { appender, accumulator, receive } = setup(1_000);
    const text = message(1, 'a chat');
    receive(text);
    await accumulator.flush();
    const [record] = appender.log({ topic: TOPIC.incoming, partition: partitionFor('a chat', PARTITIONS) });
    expect(record).toMatchObject({
      key: 'a chat',
      timestampMs: 1_700_000_000_000,
      headers: {
        source: FROM.source,
        'gateway-epoch': EPOCH,
        'ingest-seq': '1',
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    const decoded = await codec.decode(TOPIC.incoming, record?.value ?? null);
    expect(decoded.ok && decoded.value.payload.toString()).toBe(text);
    expect(decoded).toMatchObject({ ok: true, value: { ...FROM, gatewayEpoch: EPOCH, ingestSeq: 1 } });
  });

  test('keeps its order within a chat', async () => {
    const { appender, accumulator, receive } = setup(1_000, (_append, call) => (call % 3 === 1 ? 'unknown' : 'acked'));
    for (const number of upTo(200)) receive(message(number, 'one chat'));
    await accumulator.flush();
    const log = appender.log({ topic: TOPIC.incoming, partition: partitionFor('one chat', PARTITIONS) });
    expect(await Promise.all(log.map((record) => sequenceOf(record, TOPIC.incoming)))).toEqual(upTo(200));
  });

  test('that cannot be an event is on the topic of the rejected, under its number', async () => {
    const { appender, accumulator, ingest, receive } = setup(1_000);
    for (const text of [message(1), 'no JSON', '[]', message(4)]) receive(text);
    await accumulator.flush();
    expect(await sequences(appender, TOPIC.incoming)).toEqual([1, 4]);
    expect(await sequences(appender, TOPIC.rejected)).toEqual([2, 3]);
    expect(ingest.settlement.settledUpTo).toBe(4);
    expect([ingest.appendedTotal, ingest.rejectedTotal]).toEqual([2, 2]);
  });

  test('that the broker refuses is kept as rejected, and no flush ends before', async () => {
    const isSecond = ({ records }: Append) => records.some(({ headers }) => headers['ingest-seq'] === '2');
    const refuse = (append: Append): Fate =>
      append.to.topic === TOPIC.incoming && isSecond(append) ? 'rejected' : 'acked';
    const { appender, accumulator, ingest, receive } = setup(1_000, refuse);
    const text = message(2, 'Zoë 😀');
    for (const frame of [message(1), text, message(3)]) receive(frame);
    await accumulator.flush();
    expect(await sequences(appender, TOPIC.incoming)).toEqual([1, 3]);
    expect(await sequences(appender, TOPIC.rejected)).toEqual([2]);
    expect(ingest.settlement.settledUpTo).toBe(3);
    expect(ingest.settlement.takeElsewhere()).toEqual([]);
    const [kept] = appender.topic(TOPIC.rejected);
    // The whole frame, byte for byte, as for one that was no event.
    const raw = Buffer.from(text);
    const sha256 = createHash('sha256').update(raw).digest();
    expect(await codec.decode(TOPIC.rejected, kept?.value ?? null)).toMatchObject({
      ...{ ok: true, value: { code: 105, raw, sizeBytes: raw.length, binary: false, sha256 } },
    });
  });

  test('that no topic takes is settled elsewhere by name, never silently', async () => {
    const { accumulator, ingest, receive, metrics, told: outcomes } = setup(1_000, () => 'rejected');
    for (const number of upTo(2)) receive(message(number));
    await accumulator.flush();
    expect(outcomes).toEqual([{ kind: 'nowhere' }, { kind: 'nowhere' }]);
    expect(ingest.settlement.settledUpTo).toBe(2);
    const told = ingest.settlement.takeElsewhere();
    expect(told.map(({ reason }) => reason)).toEqual(told.map(() => 'refused-by-broker'));
    expect(told.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(2);
    const counts = await Promise.all([metrics.settledElsewhere.get(), metrics.framesRejected.get()]);
    expect(counts.map(({ values }) => values.map(({ value }) => value))).toEqual([[2], []]);
    expect(ingest.rejectedTotal).toBe(0);
  });
});

describe('a frame of an earlier epoch', () => {
  test('goes to the log under its own receipt, and not into the account of this one', async () => {
    const { appender, accumulator, ingest, told } = setup(1_000);
    const frame = { bytes: Buffer.from(message(1)), isBinary: false };
    const receipt = { ...FROM, gatewayEpoch: '01JDAAAAAAAAAAAAAAAAAAAAAA', ingestSeq: 41, receivedAt: 5 };
    const onSettled = (outcome: Outcome) => told.push(outcome);
    ingest.append({ frame, parsed: parseFrame(frame), from: FROM, place: null, onSettled }, receipt);
    await accumulator.flush();
    const [record] = appender.topic(TOPIC.incoming);
    expect(record).toMatchObject({
      timestampMs: 5,
      headers: { 'gateway-epoch': receipt.gatewayEpoch, 'ingest-seq': '41' },
    });
    expect([ingest.settlement.received, ingest.inMemory, told.length]).toEqual([0, 0, 1]);
  });
});

describe('the end offsets', () => {
  test('lie beyond every settled frame', async () => {
    const { appender, accumulator, ingest, receive } = setup(1_000, (_append, call) =>
      call === 0 ? 'lost-ack' : 'acked',
    );
    for (const number of upTo(30)) receive(message(number));
    receive('no JSON');
    await accumulator.flush();
    for (const { topic, partition, offset } of ingest.ends) {
      expect(offset).toBe(appender.log({ topic, partition }).length);
    }
    expect(new Set(ingest.ends.map(({ topic }) => topic))).toEqual(new Set([TOPIC.incoming, TOPIC.rejected]));
  });
});

describe('back pressure', () => {
  test('pauses the sources at half of what may be in flight and resumes them at a quarter, once each', async () => {
    const { appender, accumulator, ingest, receive } = setup(64);
    appender.hold();
    for (const number of upTo(31)) receive(message(number, 'one chat'));
    expect([calls, ingest.isPaused]).toEqual([[], false]);
    for (const number of upTo(10)) receive(message(31 + number, 'one chat'));
    expect([calls, ingest.isPaused]).toEqual([['pause'], true]);
    appender.release();
    await accumulator.flush();
    expect([calls, ingest.isPaused]).toEqual([['pause', 'resume'], false]);
  });

  test('holds for checkpoints as well: they pause the sources without a frame, and resume them when they are gone', async () => {
    const { appender, accumulator, ingest, checkpoint } = setup(64);
    appender.hold();
    for (const _ of upTo(20)) checkpoint();
    ingest.tick();
    expect(calls).toEqual(['pause']);
    ingest.tick();
    expect(calls).toEqual(['pause']);
    appender.release();
    await accumulator.flush();
    ingest.tick();
    ingest.tick();
    expect([calls, ingest.isPaused]).toEqual([['pause', 'resume'], false]);
  });

  test('ends when checkpoints are the last to leave the memory', async () => {
    const { appender, accumulator, ingest, receive, checkpoint, told } = setup(64);
    appender.hold();
    for (const _ of upTo(30)) checkpoint();
    receive(message(1));
    expect(calls).toEqual(['pause']);
    await vi.waitUntil(() => appender.appends.length === 2);
    // The first checkpoint and the frame go; the other checkpoints are in the memory still.
    appender.release();
    appender.hold();
    await vi.waitUntil(() => told.length === 1 && appender.appends.length === 3);
    expect([accumulator.full, ingest.isPaused]).toEqual([true, true]);
    appender.release();
    await accumulator.flush();
    ingest.tick();
    expect([calls, ingest.isPaused]).toEqual([['pause', 'resume'], false]);
  });

  // What a socket had read before it was paused arrives all the same; one chunk of 64 KiB holds 16,384 frames of `{}`.
  test('never has more in flight than it says, and loses nothing of what arrives meanwhile', async () => {
    const { appender, accumulator, ingest, receive } = setup(64);
    appender.hold();
    let highest = 0;
    for (const number of upTo(1_000)) {
      receive(message(number, 'one chat'), { ...FROM, source: `s${number % 3}` });
      highest = Math.max(highest, ingest.settlement.inFlight);
    }
    expect(highest).toBe(64);
    expect(ingest.settlement.received).toBe(64);
    const checked = vi.waitUntil(() => {
      highest = Math.max(highest, ingest.settlement.inFlight);
      return ingest.settlement.settledUpTo === 1_000;
    });
    appender.release();
    await accumulator.flush();
    await checked;
    expect([highest, ingest.settlement.received, ingest.appendedTotal]).toEqual([64, 1_000, 1_000]);
    const log = appender.log({ topic: TOPIC.incoming, partition: partitionFor('one chat', PARTITIONS) });
    const ids = await Promise.all(
      log.map(async ({ value }) => {
        const decoded = await codec.decode(TOPIC.incoming, value);
        return decoded.ok ? decoded.value.id : null;
      }),
    );
    expect(ids).toEqual(upTo(1_000).map((number) => `m${number}`));
    expect(calls.at(-1)).toBe('resume');
  });
});
