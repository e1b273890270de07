// The variable-length integers of Kafka and of Avro: zigzag, seven bits a byte, the lowest first. Pure.

/** A zigzag number of four bytes or fewer has no bit that JavaScript's shifts would lose. */
const SHORT_BITS = 28;
const LONG_BITS = 64;

/** Of an integer from -2^52 to 2^53: 1 to 8. */
export function sizeOfVarint(value: number): number {
  if (isByte(value)) return 1;
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

/** Writes an integer from -2^52 to 2^53; returns where the next byte goes. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  if (isByte(value)) {
    into[at] = zigzag(value);
    return at + 1;
  }
  let next = at;
  let rest = zigzag(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
    into[next] = (rest & 0x7f) | 0x80;
    next += 1;
  }
  into[next] = rest;
  return next + 1;
}

/** Whether one byte is enough, as it is for nearly all lengths: floating point has no part in those. */
function isByte(value: number): boolean {
  return value >= -0x40 && value < 0x40;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** A place in bytes that only moves on. Whatever would lie at `end` or behind it is a RangeError. */
export class ByteCursor {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Rounded to a float64 beyond 2^53. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < SHORT_BITS; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    return this.#long(BigInt(value));
  }

  /** Moves over this many bytes; returns where they begin. */
  skip(length: number): number {
    const from = this.at;
    if (length < 0 || length > this.end - from) throw new RangeError(`${length} bytes at ${from} of ${this.end}`);
    this.at += length;
    return from;
  }

  #byte(): number {
    if (this.at >= this.end) throw new RangeError(`a number goes on behind ${this.end}`);
    const byte = this.bytes[this.at] as number;
    this.at += 1;
    return byte;
  }

  #long(low: bigint): number {
    let value = low;
    for (let shift = SHORT_BITS; shift < LONG_BITS; shift += 7) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
    throw new RangeError(`a number before ${this.at} has more than 64 bits`);
  }
}
