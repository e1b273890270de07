import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memberText } from './member-text.ts';

test.each([
  ['{"event":{"a":1.0e2}}', '{"a":1.0e2}'],
  ['{ "x" : "},{" , "event" : {"s":"\\"}\\\\"} }', '{"s":"\\"}\\\\"}'],
  ['{"e\\u0076ent":[1,[2,{"event":3}]],"z":0}', '[1,[2,{"event":3}]]'],
  ['{"event":1,"event":"\\u0000"}', '"\\u0000"'],
  ['{"inner":{"event":1}}', undefined],
  ['{"event":-0.50\n}', '-0.50'],
  ['["event"]', undefined],
  ['{}', undefined],
])('%s', (json, expected) => {
  expect(memberText(json, 'event')).toBe(expected);
});

test('for any object the text of each member is what it parses to', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(object, fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
      const json = JSON.stringify(value, undefined, indent);
      for (const [name, one] of Object.entries(JSON.parse(json) as object)) {
        expect(JSON.parse(memberText(json, name) ?? 'absent')).toEqual(one);
      }
    }),
  );
});
