import { expect, test } from 'vitest';
import { incomingEvent } from '../../test/support/incoming-events.ts';
import { classify } from './classify.ts';
import { type Row, toRow } from './rows.ts';

const INCARNATION = '0190a000-0000-7000-8000-000000000001';

function row(offset: bigint, id: string): Row {
  const made = toRow(incomingEvent({}), { incarnation: INCARNATION, partition: 0, offset, timestampMs: 0 });
  if (!made.ok) throw made.error;
  return { ...made.row, id };
}

test('same coordinates and id: replayed', () => {
  expect(classify([row(1n, 'a')], [row(1n, 'a')])).toEqual({
    replayed: [row(1n, 'a')],
    duplicates: [],
    otherBodies: [],
  });
});

test('same id elsewhere: a duplicate of what is there, in whatever incarnation', () => {
  const first = { ...row(1n, 'a'), incarnation: '0190a000-0000-7000-8000-000000000000' };
  expect(classify([row(1n, 'a')], [first])).toEqual({
    replayed: [],
    duplicates: [{ row: row(1n, 'a'), first }],
    otherBodies: [],
  });
});

test('another id at the same coordinates is never swallowed, also when the id is known elsewhere', () => {
  const rewritten = expect.objectContaining({
    code: 'PMC_LOG_REWRITTEN',
    message: expect.stringMatching(/partition 0, offset 1, .*lost its tail/),
  });
  expect(() => classify([row(1n, 'a')], [row(1n, 'b')])).toThrow(rewritten);
  expect(() => classify([row(1n, 'a')], [row(1n, 'b'), row(9n, 'a')])).toThrow(rewritten);
});

test('neither its coordinates nor its id are there: another body of its identity is', () => {
  expect(classify([row(1n, 'a'), row(2n, 'b')], [row(2n, 'b')])).toMatchObject({ otherBodies: [{ id: 'a' }] });
});
