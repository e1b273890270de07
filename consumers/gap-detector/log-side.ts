// The audit's own reading of records: its own decoding, its own hashes. A record that does not decode is an entry too.
import type { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, RangeReader } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { BucketRange, LogEntry } from './classify.ts';
import { derivedHash, derivedKey } from './derived-columns.ts';
import { first6, payloadHash } from './digest.ts';
import { type Content, type Envelope, readContent, readEvent } from './event-view.ts';
import type { Entry } from './log-digest.ts';
import { type Rules, SOUND_RULES } from './rules.ts';

/** The gateway's digest of the frame that it received, as hexadecimal text beside the record. */
export const RECEIVED_HEADER = 'sha256';

/** Of entries whose leader epoch is not known or does not count. */
export const NO_EPOCH = -1;

export interface Observed {
  readonly entry: Entry;
  /** Of the leader that wrote a record. */
  readonly leaderEpoch: number;
  /** Where it could be read. */
  readonly envelope: Envelope | undefined;
  /** Of an event whose payload is not the frame that the gateway says it received. */
  readonly altered: { readonly id: string | null } | undefined;
}

export interface ObserveOptions {
  readonly rules?: Rules;
  readonly isContentOnly?: boolean;
}

/** Offsets of pmc.messages.incoming for the digest. Nothing is observed of entries that wait for the registry: it throws. */
export async function observeAll(
  codec: Pick<Codec, 'decode' | 'isOfThisVersion'>,
  entries: readonly RangeEntry[],
  { rules = SOUND_RULES, isContentOnly = false }: ObserveOptions = {},
): Promise<readonly Observed[]> {
  const observed: Observed[] = [];
  for (const found of entries) {
    if (found.kind !== 'record') {
      observed.push(other(found.offset, NO_EPOCH));
      continue;
    }
    const { value } = found.record;
    const isKnown = value !== null && codec.isOfThisVersion(TOPIC.incoming, value);
    if (isContentOnly) {
      const content = (isKnown ? readContent(value) : undefined) ?? (await decoded(codec, value));
      observed.push(observe(found, content, rules, () => 0));
    } else {
      const event = (isKnown ? readEvent(value) : undefined) ?? (await decoded(codec, value));
      observed.push(observe(found, event, rules, derivedHash));
    }
  }
  return observed;
}

async function decoded(codec: Pick<Codec, 'decode'>, value: Buffer | null): Promise<IncomingEvent | undefined> {
  const answer = await codec.decode(TOPIC.incoming, value);
  return answer.ok ? answer.value : undefined;
}

function other(offset: bigint, leaderEpoch: number): Observed {
  return { entry: { kind: 'other', offset }, leaderEpoch, envelope: undefined, altered: undefined };
}

function observe<E extends Content>(
  { record: { offset, timestampMs, headers }, leaderEpoch }: Extract<RangeEntry, { kind: 'record' }>,
  event: E | undefined,
  rules: Rules,
  columnsOf: (event: E, offset: bigint, timestampMs: number, payloadSha256: string) => number,
): Observed {
  if (event === undefined) return other(offset, leaderEpoch);
  const inner = payloadHash(event.payload);
  const columns = columnsOf(event, offset, timestampMs, inner);
  const received = headers[RECEIVED_HEADER]?.toString('latin1');
  const isFrameAltered = received !== undefined && rules.isFrameAltered(received, inner);
  const entry = { kind: 'record', offset, hash: first6(inner), columns } as const;
  return { entry, leaderEpoch, envelope: event, altered: isFrameAltered ? { id: event.id } : undefined };
}

/** Reads one bucket again, in full, for the merge with the rows; `payloads` are those of the offsets that are `wanted`. */
export async function readBucket(
  reader: Pick<RangeReader, 'read'>,
  codec: Codec,
  range: BucketRange,
  wanted: ReadonlyMap<bigint, unknown>,
  signal: AbortSignal | undefined,
): Promise<{ entries: ReadonlyMap<bigint, LogEntry>; payloads: ReadonlyMap<bigint, Buffer> }> {
  const entries = new Map<bigint, LogEntry>();
  const payloads = new Map<bigint, Buffer>();
  for await (const found of reader.read(range, range.lower, range.upper, signal)) {
    for (const one of found) {
      if (one.kind !== 'record') {
        entries.set(one.offset, { kind: one.kind });
        continue;
      }
      const { offset, value, timestampMs } = one.record;
      const decoded = await codec.decode(TOPIC.incoming, value);
      entries.set(
        offset,
        decoded.ok
          ? toEntry(decoded.value, offset, timestampMs)
          : { kind: 'undecodable', reason: decoded.error.message },
      );
      if (decoded.ok && wanted.has(offset)) payloads.set(offset, decoded.value.payload);
    }
  }
  return { entries, payloads };
}

function toEntry(event: IncomingEvent, offset: bigint, timestampMs: number): LogEntry {
  const { id, receivedAt } = event;
  const inner = payloadHash(event.payload);
  const columns = derivedHash(event, offset, timestampMs, inner);
  return { kind: 'record', payloadHash: inner, columns, eventKey: derivedKey(event), id, receivedAt };
}
