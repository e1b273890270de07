import { expect, test } from 'vitest';
import { describeFailure } from './socket.ts';

const refused = (address: string): Error => new Error(`connect ECONNREFUSED ${address}`);

test.for([
  ['a message', { message: 'no subprotocol', error: refused('a') }, 'no subprotocol'],
  ['an error', { message: '', error: refused('a') }, 'connect ECONNREFUSED a'],
  [
    'what it was caused by',
    { error: new TypeError('fetch failed', { cause: refused('a') }) },
    'connect ECONNREFUSED a',
  ],
  [
    'an error for each address of a name',
    { message: '', error: new AggregateError([refused('a'), refused('b')]) },
    'connect ECONNREFUSED a, connect ECONNREFUSED b',
  ],
  ['nothing, as in pages', {}, ''],
] as const)('a failed socket tells why by %s', ([, event, why]) => {
  expect(describeFailure(event)).toBe(why);
});
