import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { type Append, type Fate, ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { Checkpoints } from './checkpoints.ts';
import { Ingest } from './ingest.ts';
import { communicatorMetrics } from './metrics.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../service/backoff.ts', () => ({ backoffMs: () => 0, pause: () => Promise.resolve() }));

const EPOCH = '01JDBBBBBBBBBBBBBBBBBBBBBB';
const FROM = { source: 'chat.example', connection: '01JDAAAAAAAAAAAAAAAAAAAAAA' };

let codec: Codec;
let checkpoints: Checkpoints | undefined;

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
  // Only what the ticks need: the accumulator takes its turns of the event loop for real.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});

afterEach(async () => {
  await checkpoints?.close('end of test');
  vi.useRealTimers();
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
    pauseSources: () => undefined,
    resumeSources: () => undefined,
  });
  checkpoints = new Checkpoints({ ...shared, instance: 'communicator-1', ingest, partitions: 6 });
  const receive = (text: string): void => ingest.receive({ bytes: Buffer.from(text), isBinary: false }, FROM);
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

async function tick(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1_000);
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
    await tick(1);
    await tick(6);
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
    await tick(6);
    expect((await written()).map(({ kind, settledElsewhere }) => [kind, settledElsewhere.length])).toEqual([
      ['opened', 0],
      ['progress', 1],
    ]);
  });

  test('end with closed, after which nothing ticks', async () => {
    const { checkpoints: writer, receive, written, accumulator } = setup();
    await writer.open();
    receive('{"event":"message"}');
    await accumulator.flush();
    await writer.close('shutdown');
    await tick(60);
    const all = await written();
    expect(all.map(({ kind }) => kind)).toEqual(['opened', 'closed']);
    expect(all.at(-1)).toMatchObject({ settledUpTo: 1, received: 1, reason: 'shutdown' });
    checkpoints = undefined;
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
