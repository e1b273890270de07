// The frames of Kafka's protocol, as far as a proxy has to know them: where one ends, what a request asks for, and where two
// answers hold what a test wants changed. Pure.
export const API = {
  Produce: 0,
  Fetch: 1,
  Metadata: 3,
  OffsetCommit: 8,
  Heartbeat: 12,
  ApiVersions: 18,
  InitProducerId: 22,
} as const;

/** Frames that are larger than this are no frames: the stream is not Kafka's. */
const BYTES_MAX = 104_857_600;

/** Cuts a stream into frames, whatever pieces it comes in. A frame keeps its four bytes of length. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): readonly Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Buffer[] = [];
    while (this.#rest.length >= 4) {
      const length = this.#rest.readInt32BE(0);
      if (length < 0 || length > BYTES_MAX) throw new RangeError(`a frame of ${length} bytes`);
      if (this.#rest.length < 4 + length) break;
      frames.push(this.#rest.subarray(0, 4 + length));
      this.#rest = this.#rest.subarray(4 + length);
    }
    return frames;
  }
}

export interface RequestHead {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

export function requestHead(frame: Buffer): RequestHead {
  return { apiKey: frame.readInt16BE(4), apiVersion: frame.readInt16BE(6), correlationId: frame.readInt32BE(8) };
}

export function correlationIdOf(answer: Buffer): number {
  return answer.readInt32BE(4);
}

/** The frame with one 64-bit number in place of another, wherever it stands. */
export function withInt64(frame: Buffer, from: bigint, to: bigint): Buffer {
  const wanted = Buffer.alloc(8);
  wanted.writeBigInt64BE(from);
  const at = frame.indexOf(wanted);
  if (at < 0) return frame;
  const changed = Buffer.from(frame);
  changed.writeBigInt64BE(to, at);
  return changed;
}

/** The answer to an ApiVersions, with another range of versions for one request. */
export function withOfferedVersions(
  answer: Buffer,
  apiVersion: number,
  apiKey: number,
  [min, max]: readonly [number, number],
): Buffer {
  const changed = Buffer.from(answer);
  // The head of this answer never has tags, whatever the version.
  const countAt = 4 + 4 + 2;
  const isCompact = apiVersion >= 3;
  const [raised, next] = isCompact ? varint(answer, countAt) : [answer.readInt32BE(countAt) + 1, countAt + 4];
  const entryBytes = isCompact ? 7 : 6;
  for (let entry = 0; entry < raised - 1; entry += 1) {
    const at = next + entry * entryBytes;
    if (answer.readInt16BE(at) !== apiKey) continue;
    changed.writeInt16BE(min, at + 2);
    changed.writeInt16BE(max, at + 4);
    return changed;
  }
  throw new RangeError(`request ${apiKey} is not offered`);
}

/** The value at a place, and where the next one begins. */
export function varint(bytes: Buffer, at: number): readonly [value: number, next: number] {
  let value = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes.readUInt8(at + index);
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return [value, at + index + 1];
  }
  throw new RangeError('a number of more than five bytes');
}
