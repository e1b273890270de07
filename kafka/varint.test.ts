import { Reader, Writer } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteCursor, sizeOfVarint, writeVarint } from './varint.ts';

const INT32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** A zigzag number has one bit more. */
const NUMBER = fc.oneof(INT32, fc.integer({ min: -(2 ** 52), max: 2 ** 53 - 1 }));

const written = (value: number): Buffer => {
  const bytes = Buffer.alloc(16, 0xff);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
};
const cursorOver = (bytes: Buffer): ByteCursor => new ByteCursor(bytes, 0, bytes.length);

describe('a number of variable length', () => {
  test('is written as the library writes it, and beyond 32 bits as it reads it: it loses the rest when it writes', () => {
    fc.assert(fc.property(INT32, (value) => written(value).equals(Writer.create().appendVarInt(value).buffer)));
    fc.assert(fc.property(NUMBER, (value) => Reader.from(written(value)).readVarInt64() === BigInt(value)));
  });

  test('has the size that is told before, and is read again', () => {
    const holds = (value: number): void => {
      const bytes = written(value);
      const cursor = cursorOver(bytes);
      expect([bytes.length, cursor.varint(), cursor.at]).toEqual([sizeOfVarint(value), value, bytes.length]);
    };
    fc.assert(fc.property(NUMBER, holds));
    // On both sides of the last that has one byte.
    for (let value = -200; value <= 200; value += 1) holds(value);
  });

  test.for([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])('%s is read as the nearest float64', (value) => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    expect(cursorOver(Buffer.from([...bytes, Number(rest)])).varint()).toBe(Number(value));
  });

  test('that does not end is a RangeError, in the middle of it and after 64 bits', () => {
    for (let length = 0; length <= 12; length += 1) {
      expect(() => cursorOver(Buffer.alloc(length, 0x80)).varint()).toThrow(RangeError);
    }
  });
});

test.for([-1, 5])('nothing is skipped that is not there: %s bytes of 4', (length) => {
  const cursor = cursorOver(Buffer.alloc(4));
  expect(() => cursor.skip(length)).toThrow(RangeError);
  expect(cursor.at).toBe(0);
});
