import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
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

async function setup(recordBytesMax: number, fateOf?: (append: Append) => Fate) {
  const codec = new Codec('http://registry');
  await codec.prepare([TOPIC.incoming, TOPIC.rejected]);
  const appender = new ScriptedAppender(fateOf);
  const logger = pino({ level: 'silent' });
  const limits = { batchRecordsMax: 500, batchBytesMax: 500_000, bytesMax: 10_000_000, recordBytesMax };
  const accumulator = new Accumulator({ appender, logger, ...limits });
  const ingest = new Ingest({
    gatewayEpoch: '01JDBBBBBBBBBBBBBBBBBBBBBB',
    inFlightMax: 1_000,
    accumulator,
    codec,
    partitions: new Map([TOPIC.incoming, TOPIC.rejected].map((topic) => [topic, 1])),
    clock: { nowMs: () => 1_700_000_000_000 },
    logger,
    metrics: communicatorMetrics(new Registry()),
    pausePeers: () => undefined,
    resumePeers: () => undefined,
  });
  const told: Outcome[] = [];
  const receive = (text: string): void => {
    const frame = { bytes: Buffer.from(text), isBinary: false };
    const from = { source: 'chat.example', connection: 'one' };
    ingest.receive({ frame, parsed: parseFrame(frame), from, place: null, onSettled: (outcome) => told.push(outcome) });
  };
  return { codec, appender, accumulator, receive, told };
}

// By the setting here, and by a topic that takes less than it.
test.for([
  ['the setting', 4_096, undefined],
  [
    'its topic',
    1_000_000,
    ({ records }: Append) => (records.some(({ value }) => value.length > 4_000) ? 'too-large' : 'acked'),
  ],
] as const)('what is larger than %s allows is kept with as much of it as fits', async ([, recordBytesMax, fateOf]) => {
  const { codec, appender, accumulator, receive, told } = await setup(recordBytesMax, fateOf);
  const text = JSON.stringify({ event: 'message', id: 'm1', chat: 'c', content: 'x'.repeat(60_000) });
  receive(text);
  receive(`no JSON ${'y'.repeat(100_000)}`);
  receive('{"event":"message","id":"m2"}');
  await accumulator.flush();
  expect(told.map(({ kind }) => kind).sort()).toEqual(['logged', 'refused', 'refused']);
  const kept = await Promise.all(
    appender.topic(TOPIC.rejected).map(({ value }) => codec.decode(TOPIC.rejected, value)),
  );
  expect(kept).toHaveLength(2);
  const event = kept.find((one) => one.ok && one.value.ingestSeq === 1);
  if (event?.ok !== true) throw new Error('the event was not kept');
  const { raw, sizeBytes, sha256 } = event.value;
  expect([sizeBytes, sha256]).toEqual([text.length, createHash('sha256').update(text).digest()]);
  expect(raw.length).toBeGreaterThan(1_000);
  expect(text.startsWith(raw.toString())).toBe(true);
});
