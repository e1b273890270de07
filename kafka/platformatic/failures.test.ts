import { MultipleErrors, NetworkError, ResponseError, UserError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { failedAppend } from './failures.ts';

const TO = { topic: 'a', partition: 0 };
const tooLarge = (): Error => new ResponseError(0, 11, { '/': [10, null] }, {});
const movedLeader = (): Error => new NetworkError('moved', { cause: notLeader() });
const notLeader = (): Error => new ResponseError(0, 11, { '/': [6, null] }, {});

test.for([
  ['a refusal', tooLarge(), 'rejected'],
  ['a refusal after a refusal', new MultipleErrors('failed', [tooLarge(), tooLarge()]), 'rejected'],
  ['a refusal that is wrapped', new UserError('failed', { cause: tooLarge() }), 'rejected'],
  [
    'a refusal after a lost connection',
    new MultipleErrors('failed', [new NetworkError('reset'), tooLarge()]),
    'unknown',
  ],
  [
    'a refusal after an answer that cannot be read',
    new MultipleErrors('failed', [new RangeError('short'), tooLarge()]),
    'unknown',
  ],
  ['a refusal after a leader that moved', new MultipleErrors('failed', [movedLeader(), tooLarge()]), 'unknown'],
  ['a leader that is never found', new MultipleErrors('failed', [movedLeader(), movedLeader()]), 'unknown'],
  ['a refusal after an error that is none', new MultipleErrors('failed', [notLeader(), tooLarge()]), 'unknown'],
  ['a time that the broker does not take', new ResponseError(0, 11, { '/': [32, null] }, {}), 'unknown'],
  ['an error of nobody', new Error('what'), 'unknown'],
] as const)('%s', ([, error, outcome]) => {
  expect(failedAppend(error, TO).outcome).toBe(outcome);
});
