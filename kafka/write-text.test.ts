import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeSizedText, writeText } from './write-text.ts';

const ROOM_BYTES = 600;
const AVRO_TEXT = avro.Type.forSchema('string');

/** Around the lengths at which a text is written another way, or its length takes one byte more. */
const ascii = fc.string({ maxLength: 140 });
const wide = fc.oneof(fc.string({ unit: 'binary', maxLength: 140 }), fc.string({ unit: 'grapheme', maxLength: 140 }));
const broken = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 100 })
  .map((units) => String.fromCharCode(...units));

function both(): readonly [Buffer, Buffer] {
  return [Buffer.alloc(ROOM_BYTES, 0xee), Buffer.alloc(ROOM_BYTES, 0xee)];
}

test('a text is written as Buffer.write does it, at its place and nowhere else', () => {
  fc.assert(
    fc.property(fc.oneof(ascii, wide, broken), fc.nat(9), (text, at) => {
      const [ours, theirs] = both();
      expect(writeText(ours, text, at)).toBe(theirs.write(text, at));
      expect(ours.equals(theirs)).toBe(true);
    }),
  );
});

test('behind its length it is what Avro has', () => {
  fc.assert(
    fc.property(fc.oneof(ascii, wide), fc.nat(9), (text, at) => {
      const [ours, theirs] = both();
      const end = writeSizedText(ours, text, at);
      expect(end).toBe(AVRO_TEXT.encode(text, theirs, at));
      expect(ours.subarray(0, end).equals(theirs.subarray(0, end))).toBe(true);
    }),
  );
});
