// A group of frames as one blob: what is written to the disk in one go. Each frame is its receipt as JSON and its bytes, both
// with their length in front. Pure.
import type { Receipt } from '../envelope.ts';
import type { Frame } from '../parse-frame.ts';

export interface Spooled {
  readonly receipt: Receipt;
  readonly frame: Frame;
}

const LENGTH_BYTES = 4;

export function writeGroup(spooled: readonly Spooled[]): Uint8Array<ArrayBuffer> {
  const heads = spooled.map(({ receipt, frame }) =>
    Buffer.from(JSON.stringify({ ...receipt, isBinary: frame.isBinary })),
  );
  const size = spooled.reduce(
    (sum, { frame }, index) => sum + 2 * LENGTH_BYTES + (heads[index]?.length ?? 0) + frame.bytes.length,
    0,
  );
  const body = Buffer.from(new ArrayBuffer(size));
  let at = 0;
  spooled.forEach(({ frame }, index) => {
    for (const part of [heads[index] as Buffer, frame.bytes]) {
      at = body.writeUInt32LE(part.length, at);
      at += part.copy(body, at);
    }
  });
  return body as Uint8Array<ArrayBuffer>;
}

/** Throws RangeError or SyntaxError for a blob that is damaged. */
export function readGroup(body: Uint8Array): readonly Spooled[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const spooled: Spooled[] = [];
  let at = 0;
  const part = (): Buffer => {
    const length = bytes.readUInt32LE(at);
    at += LENGTH_BYTES;
    if (at + length > bytes.length) throw new RangeError(`a part of ${length} bytes does not end in the group`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const { isBinary, ...receipt } = JSON.parse(part().toString('utf8')) as Receipt & { isBinary: boolean };
    spooled.push({ receipt, frame: { bytes: part(), isBinary } });
  }
  return spooled;
}

/** When the oldest of them came. */
export function receivedMs([oldest]: readonly Spooled[]): number {
  return oldest?.receipt.receivedAt ?? 0;
}

/** The highest of their numbers. */
export function upperOf(spooled: readonly Spooled[]): number {
  return spooled.at(-1)?.receipt.ingestSeq ?? 0;
}
