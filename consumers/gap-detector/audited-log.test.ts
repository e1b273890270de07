import fc from 'fast-check';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, TopicPartition } from '../../kafka/log.ts';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { AuditedLog } from './audited-log.ts';
import { payloadShare } from './digest.testing.ts';
import { nameOf } from './partition-name.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const INCOMING: TopicPartition = { topic: TOPIC.incoming, partition: 2 };
const REJECTED: TopicPartition = { topic: TOPIC.rejected, partition: 0 };
const SOURCES: TopicPartition = { topic: TOPIC.sources, partition: 5 };
const EPOCH = '01JDBBBBBBBBBBBBBBBBBBBBBB';
const NOW_MS = Date.parse('2026-11-22T20:45:46.409Z');

let codec: Codec;
let audited: AuditedLog;

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.sources]);
  audited = new AuditedLog(codec);
});

function entry(at: TopicPartition, offset: number, value: Buffer | null): RangeEntry {
  const record = { ...at, offset: BigInt(offset), timestampMs: 0, key: null, value, headers: {} };
  return { kind: 'record', leaderEpoch: 0, record };
}

function event(offset: number, ingestSeq = offset + 1): RangeEntry {
  const value = codec.encode(TOPIC.incoming, incomingEvent(`{"n":${offset}}`, { gatewayEpoch: EPOCH, ingestSeq }));
  return entry(INCOMING, offset, value);
}

const FAR_MS = 8.64e15;
const NO_PLACE = { stream: null, streamEpoch: null, seq: null };

function rejected(offset: number, ingestSeq: number, seq: number | null = null): RangeEntry {
  const raw = Buffer.from('?');
  const receipt = { source: 's', connection: 'c', gatewayEpoch: EPOCH, ingestSeq, receivedAt: NOW_MS };
  const frame = { ...receipt, code: 104, reason: 'r', binary: false, raw, sizeBytes: 1, sha256: Buffer.alloc(32) };
  const place = seq === null ? NO_PLACE : { stream: 's', streamEpoch: 'e', seq };
  return entry(REJECTED, offset, codec.encode(TOPIC.rejected, { ...frame, ...place }));
}

function checkpoint(offset: number, changes: Partial<SourceCheckpoint> = {}): RangeEntry {
  const about = { kind: 'progress', gatewayEpoch: EPOCH, instance: 'c1', at: NOW_MS, inFlightMax: 64 } as const;
  return entry(SOURCES, offset, codec.encode(TOPIC.sources, { ...BLANK_CHECKPOINT, ...about, ...changes }));
}

function ledgerNow() {
  return audited.gateway.judge(audited.positions, new Map(), NOW_MS);
}

function sumUpTo(length: number): bigint {
  let sum = 0n;
  for (let offset = 0; offset < length; offset += 1) sum += payloadShare(offset, Buffer.from(`{"n":${offset}}`));
  return sum;
}

describe('what was read of the log', () => {
  test('is taken once, whatever comes again and however it is cut into batches', async () => {
    const cuts = fc.array(fc.tuple(fc.nat(30), fc.nat(12)), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, async (batches) => {
        audited = new AuditedLog(codec);
        audited.begin(INCOMING, 0n);
        let position = 0;
        for (const [back, length] of batches) {
          // A group hands over from its committed offset, which may lie anywhere below: never beyond what was read.
          const from = Math.max(0, position - back);
          const offsets = Array.from({ length }, (_, index) => from + index);
          await audited.take(
            INCOMING,
            offsets.map((offset) => event(offset)),
            BigInt(from + length),
          );
          position = Math.max(position, from + length);
          expect(audited.position(INCOMING)).toBe(BigInt(position));
        }
        const digests = audited.digest(INCOMING.partition)?.upTo(1_000n) ?? [];
        expect(digests.map(({ records, sum, plain }) => ({ records, sum, plain }))).toEqual(
          position === 0 ? [] : [{ records: position, sum: sumUpTo(position), plain: true }],
        );
        expect(ledgerNow().epochs.map(({ inLog }) => inLog)).toEqual(position === 0 ? [] : [position]);
      }),
      { numRuns: 50 },
    );
  });

  test('takes a number whose frame was refused for good for no gap', async () => {
    const counted = (seq: number) =>
      codec.encode(
        TOPIC.incoming,
        incomingEvent('{}', { source: 's', gatewayEpoch: EPOCH, ingestSeq: seq, stream: 's', streamEpoch: 'e', seq }),
      );
    audited.begin(INCOMING, 0n);
    audited.begin(REJECTED, 0n);
    await audited.take(INCOMING, [entry(INCOMING, 0, counted(1)), entry(INCOMING, 1, counted(4))], 2n);
    const gaps = () =>
      audited.sources
        .judge(() => ({ untilMs: FAR_MS, isOpenEnded: false }), { starts: new Map(), untilMs: 0 }, FAR_MS)
        .findings.map(({ from, to }) => [from, to]);
    expect(gaps()).toEqual([[2, 3]]);
    await audited.take(REJECTED, [rejected(0, 2, 2)], 1n);
    expect(gaps()).toEqual([[3, 3]]);
  });

  test('counts for the rows only below the settled watermark, and for the gateway all of it', async () => {
    audited.begin(INCOMING, 0n);
    await audited.take(
      INCOMING,
      [0, 1, 2, 3, 4].map((offset) => event(offset)),
      5n,
      3n,
    );
    expect(audited.digest(2)?.upTo(100n)).toMatchObject([
      { lower: 0n, upper: 3n, records: 3, sum: sumUpTo(3), plain: true },
    ]);
    expect([audited.position(INCOMING), ledgerNow().epochs[0]?.inLog]).toEqual([5n, 5]);
  });

  test('has a hole where it was told to be beyond what it got', async () => {
    audited.begin(INCOMING, 0n);
    await audited.take(INCOMING, [event(0), event(2)], 4n);
    expect(audited.digest(2)?.upTo(100n)).toMatchObject([{ lower: 0n, upper: 4n, records: 2, plain: false }]);
  });

  test('is no digest of what cannot be read, and the ledger is not told a number', async () => {
    audited.begin(INCOMING, 0n);
    const others: readonly RangeEntry[] = [
      { kind: 'control', offset: 1n },
      { kind: 'aborted', offset: 2n },
      entry(INCOMING, 3, Buffer.from('?')),
      entry(INCOMING, 4, null),
    ];
    await audited.take(INCOMING, [event(0), ...others], 5n);
    expect(audited.digest(2)?.upTo(100n)).toMatchObject([{ upper: 5n, records: 1, sum: sumUpTo(1), plain: false }]);
    expect(ledgerNow().epochs[0]?.inLog).toBe(1);
    // These offsets are judged one by one against the rows; they are no hole in the audit's own evidence.
    expect(audited.unreadable).toBe(0);
  });

  test('is nothing before it was begun', async () => {
    await expect(audited.take(INCOMING, [event(0)], 1n)).rejects.toThrow(/not begun/);
    expect(audited.digest(2)).toBeUndefined();
  });

  test('begins in the middle where the log does', async () => {
    audited.begin(INCOMING, 7n);
    await audited.take(INCOMING, [event(6), event(7)], 8n);
    expect(audited.digest(2)?.upTo(100n)).toMatchObject([{ lower: 7n, upper: 8n, records: 1 }]);
  });

  test('is not advanced when the registry is away, so that it is taken again', async () => {
    audited.begin(INCOMING, 0n);
    const view = vi.spyOn(codec, 'isOfThisVersion').mockReturnValue(false);
    const decode = vi.spyOn(codec, 'decode').mockRejectedValueOnce(new Error('away'));
    await expect(audited.take(INCOMING, [event(0), event(1)], 2n)).rejects.toThrow('away');
    expect(audited.position(INCOMING)).toBe(0n);
    decode.mockRestore();
    view.mockRestore();
    await audited.take(INCOMING, [event(0), event(1)], 2n);
    expect(audited.digest(2)?.upTo(100n)).toMatchObject([{ records: 2, sum: sumUpTo(2), plain: true }]);
  });
});

describe("the gateway's account", () => {
  test('adds up incoming and rejected frames against the checkpoints', async () => {
    for (const at of [INCOMING, REJECTED, SOURCES]) audited.begin(at, 0n);
    const ends = [INCOMING, REJECTED].map((at) => ({ ...at, offset: 2 }));
    await audited.take(SOURCES, [checkpoint(0, { settledUpTo: 5, received: 5, ends })], 1n);
    await audited.take(INCOMING, [event(0, 1), event(1, 3)], 2n);
    expect(ledgerNow().findings).toEqual([]);
    await audited.take(REJECTED, [rejected(0, 2), rejected(1, 5)], 2n);
    expect(ledgerNow().epochs).toMatchObject([{ inLog: 4, settledUpTo: 5, judgedUpTo: 5, missing: 1, state: 'live' }]);
    expect(ledgerNow().findings).toMatchObject([{ kind: 'missing', from: 4, to: 4 }]);
  });

  test('says how much of its own evidence could not be read', async () => {
    for (const at of [REJECTED, SOURCES]) audited.begin(at, 0n);
    await audited.take(REJECTED, [entry(REJECTED, 0, Buffer.from('?'))], 1n);
    await audited.take(SOURCES, [entry(SOURCES, 0, null), { kind: 'control', offset: 1n }], 2n);
    expect(audited.unreadable).toBe(2);
    await audited.take(REJECTED, [entry(REJECTED, 0, Buffer.from('?')), rejected(1, 1)], 2n);
    expect(audited.unreadable).toBe(2);
  });
});

test('a partition is named as people name it', () => {
  expect(nameOf(INCOMING)).toBe('pmc.messages.incoming-2');
});

test('a value is refused for a kind that there is not, contents alone or not', async () => {
  const [message, typing] = (['message', 'typing'] as const).map((kind) =>
    codec.encode(TOPIC.incoming, incomingEvent('{}', { kind, gatewayEpoch: EPOCH, ingestSeq: 1 })),
  ) as [Buffer, Buffer];
  const place = message.findIndex((byte, index) => byte !== typing[index]);
  message[place] = 0x7e;
  for (const isContentOnly of [false, true]) {
    const one = new AuditedLog(codec, { isContentOnly });
    one.begin(INCOMING, 0n);
    await one.take(INCOMING, [entry(INCOMING, 0, message), entry(INCOMING, 1, typing)], 2n);
    expect(one.digest(INCOMING.partition)?.upTo(2n)).toMatchObject([{ records: 1, plain: false }]);
  }
});
