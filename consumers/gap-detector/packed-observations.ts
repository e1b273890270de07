// What a thread has observed of the log on its way to whoever takes it: a few large buffers, because objects would cost more to copy
// than to hash. Pure.
import type { Envelope } from './event-view.ts';
import { NO_EPOCH, type Observed } from './log-side.ts';

export interface PackedObserved {
  readonly offsets: BigInt64Array<ArrayBuffer>;
  readonly hashes: Float64Array<ArrayBuffer>;
  readonly columns: Float64Array<ArrayBuffer>;
  readonly leaderEpochs: Int32Array<ArrayBuffer>;
  /** OTHER, RECORD or ALTERED. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /** Of each: ingestSeq, receivedAt, seq; not a number for null. */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** Of each: gatewayEpoch, source, stream, streamEpoch, and the id of an altered one, as places in `names`; -1 for null. */
  readonly named: Int32Array<ArrayBuffer>;
  readonly names: readonly string[];
}

const NONE = -1;
const OTHER = 0;
const RECORD = 1;
const ALTERED = 2;
const NUMBERS = 3;
const NAMED = 5;

export function packObserved(observed: readonly Observed[]): PackedObserved {
  const { length } = observed;
  const places = new Map<string, number>();
  const placeOf = (name: string | null): number => {
    if (name === null) return NONE;
    const known = places.get(name);
    if (known !== undefined) return known;
    places.set(name, places.size);
    return places.size - 1;
  };
  const packed = {
    offsets: new BigInt64Array(length),
    hashes: new Float64Array(length),
    columns: new Float64Array(length),
    leaderEpochs: new Int32Array(length),
    kinds: new Uint8Array(length),
    numbers: new Float64Array(length * NUMBERS),
    named: new Int32Array(length * NAMED).fill(NONE),
  };
  for (const [index, { entry, leaderEpoch, envelope, altered }] of observed.entries()) {
    packed.offsets[index] = entry.offset;
    packed.leaderEpochs[index] = leaderEpoch;
    if (entry.kind === 'other' || envelope === undefined) continue;
    packed.kinds[index] = altered === undefined ? RECORD : ALTERED;
    packed.hashes[index] = entry.hash;
    packed.columns[index] = entry.columns;
    const { gatewayEpoch, source, stream, streamEpoch, ingestSeq, receivedAt, seq } = envelope;
    packed.numbers.set([ingestSeq, receivedAt, seq ?? Number.NaN], index * NUMBERS);
    const names = [gatewayEpoch, source, stream, streamEpoch, altered?.id ?? null];
    packed.named.set(names.map(placeOf), index * NAMED);
  }
  return { ...packed, names: [...places.keys()] };
}

export function unpackObserved(packed: PackedObserved): readonly Observed[] {
  const { offsets, hashes, columns, leaderEpochs, kinds, numbers, named, names } = packed;
  const nameAt = (place: number): string | null => names[named[place] ?? NONE] ?? null;
  return Array.from(offsets, (offset, index): Observed => {
    const kind = kinds[index];
    const leaderEpoch = leaderEpochs[index] ?? NO_EPOCH;
    if (kind === OTHER)
      return { entry: { kind: 'other', offset }, leaderEpoch, envelope: undefined, altered: undefined };
    const [number, name] = [index * NUMBERS, index * NAMED];
    const seq = numbers[number + 2] ?? Number.NaN;
    const envelope: Envelope = {
      gatewayEpoch: nameAt(name) ?? '',
      source: nameAt(name + 1) ?? '',
      stream: nameAt(name + 2),
      streamEpoch: nameAt(name + 3),
      ingestSeq: numbers[number] ?? 0,
      receivedAt: numbers[number + 1] ?? 0,
      seq: Number.isNaN(seq) ? null : seq,
    };
    const entry = { kind: 'record', offset, hash: hashes[index] ?? 0, columns: columns[index] ?? 0 } as const;
    return { entry, leaderEpoch, envelope, altered: kind === ALTERED ? { id: nameAt(name + 4) } : undefined };
  });
}

/** The buffers that go over to the other thread instead of being copied. */
export function buffersOf(packed: PackedObserved): readonly ArrayBuffer[] {
  return Object.values(packed).flatMap((one: unknown) => (ArrayBuffer.isView(one) ? [one.buffer as ArrayBuffer] : []));
}
