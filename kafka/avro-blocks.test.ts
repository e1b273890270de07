import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import { type BlockTypes, patchBlocks } from './avro-blocks.ts';

patchBlocks();

const END: avro.Schema = { type: 'record', name: 'End', fields: [{ name: 'topic', type: 'string' }] };
const LIST: avro.Schema = { type: 'array', items: END };
const TABLE: avro.Schema = { type: 'map', values: 'long' };
const NAMED = { name: 'All', type: 'record' } as const;
const FIELDS = [
  { name: 'list', type: LIST },
  { name: 'table', type: TABLE },
];
const ALL = avro.Type.forSchema({ ...NAMED, fields: FIELDS });
const VALUE = { list: [{ topic: 'a' }, { topic: 'b' }], table: { one: 1, two: 2 } };

/** A long as Avro has it. */
function long(value: number): Buffer {
  return avro.Type.forSchema('long').toBuffer(value);
}

describe('arrays and maps', () => {
  test('are read as they were written, and skipped by who does not know of them', () => {
    const bytes = ALL.toBuffer(VALUE);
    expect(ALL.fromBuffer(bytes)).toEqual(VALUE);
    const less = avro.Type.forSchema({ ...NAMED, fields: [{ name: 'table', type: TABLE }] });
    expect(less.fromBuffer(bytes, less.createResolver(ALL))).toEqual({ table: VALUE.table });
    const none = avro.Type.forSchema({ ...NAMED, fields: [] });
    expect(none.fromBuffer(bytes, none.createResolver(ALL))).toEqual({});
  });

  test('may stand in several blocks, with and without their length in bytes', () => {
    const item = Buffer.concat([long(1), Buffer.from('a')]);
    const blocks = Buffer.concat([long(1), item, long(-2), long(2 * item.length), item, item, long(0)]);
    const list = avro.Type.forSchema(LIST);
    expect(list.fromBuffer(blocks)).toEqual([{ topic: 'a' }, { topic: 'a' }, { topic: 'a' }]);
    const without = avro.Type.forSchema({ ...NAMED, fields: [] });
    const writer = avro.Type.forSchema({ ...NAMED, fields: [{ name: 'list', type: structuredClone(LIST) }] });
    expect(without.fromBuffer(blocks, without.createResolver(writer))).toEqual({});
  });

  // Each of them would take all memory, or never end.
  test.each([
    ['more items than bytes', [long(2 ** 31)]],
    ['the same, counted below zero', [long(-(2 ** 31)), long(0)]],
    ['more items than any integer', [Buffer.alloc(200, 0xff)]],
    ['as many items as bytes, each longer', [long(50), Buffer.alloc(50, 2)]],
    ['more than a million items', [long(1_000_001), Buffer.alloc(1_100_000)]],
    ['a block that is skipped backwards', [long(-1), long(-2)]],
  ])('are refused: %s', (_what, parts) => {
    const bytes = Buffer.concat(parts);
    const [list, table] = [avro.Type.forSchema(structuredClone(LIST)), avro.Type.forSchema(TABLE)];
    expect(() => list.fromBuffer(bytes)).toThrow(RangeError);
    expect(() => table.fromBuffer(bytes)).toThrow(RangeError);
    for (const type of [LIST, TABLE]) {
      const writer = avro.Type.forSchema({ ...NAMED, fields: [{ name: 'unknown', type: structuredClone(type) }] });
      const reader = avro.Type.forSchema({ ...NAMED, fields: [] });
      expect(() => reader.fromBuffer(bytes, reader.createResolver(writer))).toThrow(RangeError);
    }
  });
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const type = () => ({ prototype: { _read: () => undefined, _skip: () => undefined } });
  const changed: BlockTypes = { ArrayType: type(), MapType: type() };
  const before = changed.ArrayType.prototype._read;
  expect(() => patchBlocks(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.ArrayType.prototype._read).toBe(before);
  patchBlocks();
});
