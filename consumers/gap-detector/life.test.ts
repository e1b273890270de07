import { expect, test } from 'vitest';
import { type LifeFacts, lifeOf } from './life.ts';

const WELL: LifeFacts = {
  place: { topic: 't', partition: 1, offset: 7 },
  id: 'm1',
  eventKey: 'k',
  findings: [],
  counted: null,
  gateway: { epoch: 'e', ingestSeq: 3 },
  receivedAtMs: 1_000,
  log: 'record',
  row: { storedAtMs: 1_250, isSame: true },
  account: null,
  unproved: null,
  isSettled: true,
  effect: null,
  isReplyDue: false,
  command: null,
  replies: [],
  acknowledged: [],
};

const statesOf = (changes: Partial<LifeFacts>) => {
  const { stages, verdict } = lifeOf({ ...WELL, ...changes });
  return [...stages.map(({ state }) => state), verdict].join(' ');
};

test.each<[string, Partial<LifeFacts>, string]>([
  ['a stored event', {}, 'none seen seen seen none none pass'],
  [
    'one that the source counts',
    { counted: { stream: 's', streamEpoch: 'x', seq: 9 } },
    'seen seen seen seen none none pass',
  ],
  ['one without a row', { row: null }, 'none seen seen absent none none fail'],
  ['one in flight', { row: null, isSettled: false }, 'none seen seen unknown none none inconclusive'],
  ['one with another row', { row: { storedAtMs: 1_250, isSame: false } }, 'none seen seen absent none none fail'],
  [
    'a duplicate',
    { row: null, account: { name: 'duplicateOf', detail: 'of row x' } },
    'none seen seen seen none none pass',
  ],
  [
    'one that retention has deleted',
    { row: null, account: { name: 'purged', detail: '' } },
    'none seen seen seen none none pass',
  ],
  ['one that is not the frame which came', { log: 'altered' }, 'none seen absent seen none none fail'],
  ['a hole', { row: null, log: 'hole', gateway: null }, 'unknown unknown unknown unknown unknown none inconclusive'],
  ['a control record', { row: null, log: 'control', gateway: null }, 'none none none none none none pass'],
  [
    'an offset that the log has not come to',
    { row: null, log: 'not-yet', gateway: null, isSettled: false },
    'unknown unknown unknown unknown unknown none inconclusive',
  ],
  [
    'one that the log forgot',
    { log: 'expired', row: { storedAtMs: 1_250, isSame: null } },
    'none seen none seen none none pass',
  ],
  ['a command that nobody has handled', { command: 'passed-over' }, 'none seen seen seen absent none fail'],
  ['a command in flight', { command: 'in-flight' }, 'none seen seen seen unknown none inconclusive'],
  ['a command whose effect is forgotten', { command: 'forgotten' }, 'none seen seen seen unknown none inconclusive'],
  ['an echo of a reply', { command: 'own-reply' }, 'none seen seen seen none none pass'],
  [
    'a command without a reply',
    { effect: { status: 'done', atMs: 1_300, detail: 'help' }, isReplyDue: true },
    'none seen seen seen absent none fail',
  ],
  [
    'a command whose reply may be on its way, or gone',
    { effect: { status: 'done', atMs: 1_300, detail: 'help' } },
    'none seen seen seen unknown none inconclusive',
  ],
  [
    'a command with its reply, whose effect is gone',
    { command: 'passed-over', replies: [{ replyId: 'r', offset: 4, atMs: 1_400 }] },
    'none seen seen seen seen none pass',
  ],
  [
    'a command with its reply, acknowledged',
    {
      effect: { status: 'done', atMs: 1_300, detail: 'help' },
      replies: [{ replyId: 'r', offset: 4, atMs: 1_400 }],
      acknowledged: [{ replyId: 'r', atMs: 1_900 }],
    },
    'none seen seen seen seen seen pass',
  ],
])('%s', (_name, changes, expected) => {
  expect(statesOf(changes)).toBe(expected);
});

test('latencies count from the receipt', () => {
  const { stages } = lifeOf(WELL);
  expect(stages.map(({ stage, latencyMs }) => [stage, latencyMs])).toContainEqual(['stored', 250]);
});

test('an open finding about it lowers the verdict', () => {
  const finding = { kind: 'altered', stage: 'gateway-to-log', detail: 'other bytes' } as const;
  expect(lifeOf({ ...WELL, findings: [finding] }).verdict).toBe('fail');
});
