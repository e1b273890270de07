import { expect, test } from 'vitest';
import { recordPlaceOf } from './record-place.ts';

const INCARNATION = '0199b8a4-7c1e-4a53-9c55-0c4b0f2f6d3e';

test.for<[string, object]>([
  ['1/366', { incarnation: undefined, topic: undefined, partition: 1, offset: '366' }],
  [`${INCARNATION}/1/366`, { incarnation: INCARNATION, topic: undefined, partition: 1, offset: '366' }],
  ['1@366', { incarnation: undefined, topic: undefined, partition: 1, offset: '366' }],
  ['pmc.messages.incoming-1@366', { topic: 'pmc.messages.incoming', partition: 1, offset: '366' }],
  ['a-2-1@900719925474099312', { topic: 'a-2', partition: 1, offset: '900719925474099312' }],
])('%s is a place', ([text, place]) => {
  expect(recordPlaceOf(text)).toMatchObject({ text, ...place });
});

test.for(['', '1', '1/', '/1', '1-2', 'a/1/2', `${'0'.repeat(36)}/1/2`, '1/2/3', '-1@2', '1@', '1@2@3', 'a b-1@2'])(
  '%j is none',
  (text) => {
    expect(() => recordPlaceOf(text)).toThrow(expect.objectContaining({ code: 'PMC_USAGE' }));
  },
);
