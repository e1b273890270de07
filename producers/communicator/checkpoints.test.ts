import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { type Append, type Fate, ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { Checkpoints } from './checkpoints.ts';
import { Ingest } from './ingest.ts';
import { communicatorMetrics } from './metrics.ts';
import { NumberRanges } from './number-ranges.ts';
import { parseFrame } from './parse-frame.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const EPOCH = '01JDBBBBBBBBBBBBBBBBBBBBBB';
const ROW = { epoch: '01JDAAAAAAAAAAAAAAAAAAAAAA', ends: [], elsewhere: [], hasSpooled: false };
const FROM = { source: 'chat.example', connection: '01JDAAAAAAAAAAAAAAAAAAAAAA' };

let codec: Codec;
let checkpoints: Checkpoints | undefined;

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
});

function setup(fateOf?: (append: Append, call: number) => Fate) {
  const appender = new ScriptedAppender(fateOf);
  const logger = pino({ level: 'silent' });
  const limits = { batchRecordsMax: 500, batchBytesMax: 500_000, bytesMax: 10_000_000, recordBytesMax: 1_000_000 };
  const accumulator = new Accumulator({ appender, logger, ...limits });
  const clock = { nowMs: () => 1_700_000_000_000 };
  const shared = { gatewayEpoch: EPOCH, inFlightMax: 64, accumulator, codec, clock, logger };
  const ingest = new Ingest({
    ...shared,
    partitions: new Map([TOPIC.incoming, TOPIC.rejected].map((topic) => [topic, 6])),
    metrics: communicatorMetrics(new Registry()),
    pausePeers: () => undefined,
    resumePeers: () => undefined,
  });
  checkpoints = new Checkpoints({
    ...shared,
    instance: 'communicator-1',
    ingest,
    partitions: () => 6,
    spooled: () => ({ from: 3, to: 9 }),
  });
  const receive = (text: string): void => {
    const frame = { bytes: Buffer.from(text), isBinary: false };
    ingest.receive({ frame, parsed: parseFrame(frame), from: FROM, place: null, onSettled: () => undefined });
  };
  const written = async (): Promise<readonly SourceCheckpoint[]> => {
    await accumulator.flush();
    const decoded = await Promise.all(
      appender.topic(TOPIC.sources).map(({ value }) => codec.decode(TOPIC.sources, value)),
    );
    return decoded.map((one) => {
      if (!one.ok) throw one.error;
      return one.value;
    });
  };
  return { appender, accumulator, ingest, checkpoints, receive, written };
}

test('what became of connections while the log did not know this epoch is told behind its beginning', async () => {
  const { checkpoints: early, written } = setup();
  early.source('opened', 'a', null);
  early.source('closed', 'a', '1006');
  early.source('opened', 'b', null);
  await tick(20);
  expect(await written()).toEqual([]);
  await early.open();
  const told = (await written()).map(({ kind, source }) => `${kind} ${source}`);
  expect([told.slice().sort(), told[0]]).toEqual([['closed a', 'opened b', 'opened null'], 'opened null']);
});

async function tick(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    checkpoints?.tick();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the checkpoints of an epoch', () => {
  test('begin with opened, which the log must have before any frame is received', async () => {
    const { appender, checkpoints: opening, written } = setup();
    appender.hold();
    let isOpen = false;
    const opened = opening.open().then(() => {
      isOpen = true;
    });
    await vi.waitUntil(() => appender.appends.length === 1);
    expect(isOpen).toBe(false);
    appender.release();
    await opened;
    expect(await written()).toMatchObject([
      {
        kind: 'opened',
        source: null,
        gatewayEpoch: EPOCH,
        instance: 'communicator-1',
        received: 0,
        settledUpTo: 0,
        inFlightMax: 64,
      },
    ]);
  });

  test('do not begin when the log refuses the first', async () => {
    const { checkpoints: opening } = setup(() => 'rejected');
    await expect(opening.open()).rejects.toMatchObject({ code: 'PMC_APPEND_REJECTED' });
  });

  test('claim only what is settled, with end offsets beyond it', async () => {
    const { appender, checkpoints: writer, ingest, receive, written } = setup();
    await writer.open();
    receive('{"event":"message","chat":"c"}');
    receive('no JSON');
    await vi.waitUntil(() => ingest.settlement.settledUpTo === 2);
    appender.hold();
    receive('{"event":"message","chat":"c"}');
    await tick(1);
    appender.release();
    const progress = (await written()).at(-1);
    expect(progress).toMatchObject({ kind: 'progress', source: null, settledUpTo: 2, received: 3 });
    expect(progress?.ends.map(({ topic, offset }) => [topic, offset]).sort()).toEqual([
      [TOPIC.incoming, 1],
      [TOPIC.rejected, 1],
    ]);
  });

  test('come every second while something settles, and every few seconds anyway', async () => {
    const { checkpoints: writer, ingest, receive, written } = setup();
    await writer.open();
    for (let second = 1; second <= 3; second += 1) {
      receive('{"event":"message"}');
      await vi.waitUntil(() => ingest.settlement.settledUpTo === second);
      await tick(1);
      await written();
    }
    expect((await written()).map(({ settledUpTo }) => settledUpTo)).toEqual([0, 1, 2, 3]);
    for (let second = 0; second < 20; second += 1) {
      await tick(1);
      await written();
    }
    expect((await written()).length).toBe(4 + 4);
  });

  test('do not pile up while the log is away', async () => {
    const { appender, checkpoints: writer, accumulator, written } = setup();
    await writer.open();
    appender.hold();
    await tick(3_600);
    expect(accumulator.bufferedRecords).toBe(1);
    appender.release();
    await written();
    await tick(6);
    expect((await written()).map(({ kind }) => kind)).toEqual(['opened', 'progress', 'progress']);
  });

  test('tell what was settled elsewhere exactly once', async () => {
    const refuseFrames = ({ to }: Append): Fate => (to.topic === TOPIC.sources ? 'acked' : 'rejected');
    const { checkpoints: writer, ingest, receive, written } = setup(refuseFrames);
    await writer.open();
    receive('{"event":"message"}');
    await vi.waitUntil(() => ingest.settlement.settledUpTo === 1);
    writer.source('closed', FROM.source, '1006');
    expect(ingest.settlement.toldUpTo).toBe(0);
    await tick(1);
    await tick(6);
    expect(ingest.settlement.toldUpTo).toBe(1);
    expect((await written()).map(({ source, settledElsewhere }) => [source, settledElsewhere])).toEqual([
      [null, []],
      [FROM.source, []],
      [null, [{ from: 1, to: 1, reason: 'refused-by-broker' }]],
      [null, []],
    ]);
  });

  test('tell it in the next one when the log refused the one that told it', async () => {
    let sources = 0;
    const refuse = ({ to }: Append): Fate => {
      if (to.topic !== TOPIC.sources) return 'rejected';
      sources += 1;
      return sources === 2 ? 'rejected' : 'acked';
    };
    const { accumulator, checkpoints: writer, ingest, receive, written } = setup(refuse);
    await writer.open();
    receive('{"event":"message"}');
    await vi.waitUntil(() => ingest.settlement.settledUpTo === 1);
    await tick(1);
    await accumulator.flush();
    expect(ingest.settlement.toldUpTo).toBe(0);
    await tick(6);
    expect((await written()).map(({ kind, settledElsewhere }) => [kind, settledElsewhere.length])).toEqual([
      ['opened', 0],
      ['progress', 1],
    ]);
  });

  test('end with closed', async () => {
    const { checkpoints: writer, receive, written, accumulator } = setup();
    await writer.open();
    receive('{"event":"message"}');
    await accumulator.flush();
    await writer.close('shutdown');
    const all = await written();
    expect(all.map(({ kind }) => kind)).toEqual(['opened', 'closed']);
    expect(all.at(-1)).toMatchObject({ settledUpTo: 1, received: 1, reason: 'shutdown' });
  });

  test('say so when the log refuses the last word', async () => {
    const { checkpoints: writer } = setup(({ to }) => (to.topic === TOPIC.sources ? 'rejected' : 'acked'));
    await expect(writer.close('shutdown')).rejects.toMatchObject({ code: 'PMC_APPEND_REJECTED' });
  });

  test('say which numbers may lie in the spool and nowhere else', async () => {
    const { checkpoints: writer, written } = setup();
    await writer.open();
    expect((await written()).at(-1)).toMatchObject({ spoolFrom: 3, spoolTo: 9 });
  });

  test('tell of the streams of a source: begun, missing numbers, and how far it has come', async () => {
    const { checkpoints: writer, written } = setup();
    const of = { source: FROM.source, stream: 's', epoch: 'e' };
    writer.stream('opened', of.source, of.stream, of.epoch);
    void writer.gap({ kind: 'gap_open', ...of, from: 4, to: 6 });
    writer.position({ ...of, upto: 3 });
    const about = { source: FROM.source, stream: 's', streamEpoch: 'e', settledElsewhere: [] };
    expect(await written()).toMatchObject([
      { kind: 'opened', ...about },
      { kind: 'gap_open', ...about, from: 4, to: 6 },
      { kind: 'progress', ...about, upto: 3 },
    ]);
  });

  test('close an epoch whose process could not: what the spool had, what nobody was told of, and what nobody knows', async () => {
    const { checkpoints: writer, written } = setup();
    const spooled = new NumberRanges();
    for (const number of [12, 13, 16]) spooled.add(number);
    const elsewhere = [{ from: 4, to: 9, reason: 'sampled' }];
    const row = { ...ROW, settledUpTo: 10, numberedUpTo: 16, elsewhere, hasSpooled: true };
    await writer.closeFor(row, spooled);
    await writer.closeFor({ ...row, hasSpooled: false }, new NumberRanges());
    const reason = 'unacknowledged';
    expect(await written()).toMatchObject([
      {
        kind: 'closed',
        gatewayEpoch: row.epoch,
        settledUpTo: 16,
        received: OPEN_END,
        settledElsewhere: [...elsewhere, { from: 11, to: 11, reason }, { from: 14, to: 15, reason }],
      },
      {
        kind: 'closed',
        gatewayEpoch: row.epoch,
        settledUpTo: 10,
        received: 10,
        settledElsewhere: [...elsewhere, { from: 11, to: OPEN_END, reason }],
      },
    ]);
  });

  test('close an epoch with the ends of its own appends, and with those of the process that appended what its spool had', async () => {
    const { accumulator, checkpoints: writer, receive, written } = setup();
    receive('{"event":"message","chat":"c"}');
    receive('no JSON');
    await accumulator.flush();
    const of = { topic: TOPIC.rejected, partition: 0 };
    const ends = [0, 1, 2, 3, 4, 5].map((partition) => ({ ...of, partition, offset: 70 }));
    const row = { ...ROW, settledUpTo: 1, numberedUpTo: 1, ends };
    await writer.closeFor(row, new NumberRanges());
    await writer.closeFor({ ...row, hasSpooled: true }, new NumberRanges());
    const [alone, spooled] = await written();
    expect(alone?.ends).toEqual(ends);
    expect(spooled?.ends).toEqual([...ends, { topic: TOPIC.incoming, partition: expect.any(Number), offset: 1 }]);
  });

  test('lie in one partition, in order', async () => {
    const { appender, checkpoints: writer, written } = setup();
    await writer.open();
    await tick(20);
    await written();
    const partitions = appender.appends.map(({ to }) => to.partition);
    expect(new Set(partitions).size).toBe(1);
  });
});
