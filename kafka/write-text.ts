// Texts as UTF-8 into a buffer that has room for them. For a short one a call out of JavaScript costs more than its bytes do. Pure.
import { sizeOfVarint, writeVarint } from './varint.ts';

/** Its length fits into one byte. */
const SHORT_UNITS = 63;
const ASCII_MAX = 0x7f;

/** Of one unit of a JavaScript text. */
export const UTF8_BYTES_MAX = 3;

/** Returns how many bytes it took, as `Buffer.write` does. */
export function writeText(to: Buffer, text: string, at: number): number {
  return isWrittenAsAscii(to, text, at) ? text.length : to.write(text, at);
}

/** The same behind its length as a number of variable length, as Kafka and Avro have it; returns where the next byte goes. */
export function writeSizedText(to: Buffer, text: string, at: number): number {
  if (isWrittenAsAscii(to, text, at + 1)) return writeVarint(to, at, text.length) + text.length;
  // Nearly every text has a byte for each of its units.
  const guessed = sizeOfVarint(text.length);
  const length = to.write(text, at + guessed);
  const size = sizeOfVarint(length);
  if (size !== guessed) to.copyWithin(at + size, at + guessed, at + guessed + length);
  return writeVarint(to, at, length) + length;
}

function isWrittenAsAscii(to: Buffer, text: string, at: number): boolean {
  if (text.length > SHORT_UNITS) return false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > ASCII_MAX) return false;
    to[at + index] = unit;
  }
  return true;
}
