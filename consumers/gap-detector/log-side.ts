// The audit's own reading of records: its own decoding, its own hashes. A record that does not decode is an entry too.
import type { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, RangeReader } from '../../kafka/log.ts';
import { eventKey } from '../../schemas/event-key.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { BucketRange, LogEntry } from './classify.ts';
import { payloadHash, recordHash } from './digest.ts';
import type { Entry } from './log-digest.ts';

export interface Observed {
  readonly entry: Entry;
  /** The envelope, where it could be read. */
  readonly event: IncomingEvent | undefined;
}

/** One offset of pmc.messages.incoming for the digest. Throws only when the registry does not answer. */
export async function observe(codec: Codec, found: RangeEntry): Promise<Observed> {
  if (found.kind !== 'record') return { entry: { kind: 'other', offset: found.offset }, event: undefined };
  const { offset, value } = found.record;
  const decoded = await codec.decode(TOPIC.incoming, value);
  if (!decoded.ok) return { entry: { kind: 'other', offset }, event: undefined };
  return { entry: { kind: 'record', offset, hash: recordHash(offset, decoded.value.payload) }, event: decoded.value };
}

/** Reads one bucket again, in full, for the merge with the rows; `payloads` are those of the offsets that are `wanted`. */
export async function readBucket(
  reader: RangeReader,
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
      const { offset, value } = one.record;
      const decoded = await codec.decode(TOPIC.incoming, value);
      entries.set(offset, decoded.ok ? toEntry(decoded.value) : { kind: 'undecodable', reason: decoded.error.message });
      if (decoded.ok && wanted.has(offset)) payloads.set(offset, decoded.value.payload);
    }
  }
  return { entries, payloads };
}

function toEntry(event: IncomingEvent): LogEntry {
  return {
    kind: 'record',
    payloadHash: payloadHash(event.payload).toString('hex'),
    eventKey: eventKey(event, event.payload, timestampOf(event.payload)),
    id: event.id,
  };
}

/** The event's own timestamp, undefined where the payload is not the JSON object it should be. */
function timestampOf(payload: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null && 'timestamp' in value ? value.timestamp : undefined;
  } catch {
    return undefined;
  }
}
