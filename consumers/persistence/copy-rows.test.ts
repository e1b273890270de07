import { expect, test } from 'vitest';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { RowWriter, type WrittenRows } from './copy-rows.ts';
import { toRow } from './rows.ts';

function written(content: string): WrittenRows {
  const at = { incarnation: '0190a000-0000-7000-8000-00000000000f', partition: 1, offset: 2n, timestampMs: 3 };
  const made = toRow(incomingEvent(Buffer.from(JSON.stringify({ content }))), at);
  if (!made.ok) throw made.error;
  const writer = new RowWriter(1);
  writer.add(made.row);
  return writer.end();
}

const CONTENTS = ['x', 'short', 'a text that is longer than what a row is expected to have: '.padEnd(3_000, '.')];

test('rows that are written where others were have the same bytes as those in a place of their own', () => {
  const alone = CONTENTS.map((content) => Buffer.from(written(content).bytes));
  const again = CONTENTS.toReversed().map((content) => {
    const rows = written(content);
    const bytes = Buffer.from(rows.bytes);
    rows.free();
    return bytes;
  });
  expect(again.toReversed()).toEqual(alone);
});

test('what is not free is not written over, also where something was freed twice', () => {
  const freed = written('x');
  freed.free();
  freed.free();
  const [first, second] = [written('first'), written('second')];
  expect(first.bytes.buffer === second.bytes.buffer && first.bytes.byteOffset === second.bytes.byteOffset).toBe(false);
  expect(first.bytes.includes('first')).toBe(true);
  expect(second.bytes.includes('second')).toBe(true);
});

test('what was freed is used again', () => {
  const freed = written('before');
  freed.free();
  written('behind');
  expect(freed.bytes.includes('behind')).toBe(true);
});

test('a UUID and a number are what PostgreSQL reads', () => {
  const { bytes } = written('x');
  expect(bytes.includes(Buffer.from('000000100190a00000007000800000000000000f', 'hex'))).toBe(true);
  expect(bytes.includes(Buffer.from('000000080000000000000002', 'hex'))).toBe(true);
});
