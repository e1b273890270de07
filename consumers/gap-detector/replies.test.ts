import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JudgedCommands } from './commands-without-effect.ts';
import { type EffectLine, judgeReplies, type ReplyInput, type ReplyRecord } from './replies.ts';
import type { Finding } from './verdict.ts';

const NOW_MS = Date.parse('2026-01-08T00:00:00Z');
const GRACE_MS = 30_000;
/** By the service's clock for replies, by the database's, a moment later, for effects. */
const ASKED_MS = NOW_MS - 3_600_000;
const effect = (eventKey: string, changes: Partial<EffectLine> = {}): EffectLine => {
  return { eventKey, source: 's', status: 'done', atMs: ASKED_MS + 5, ...changes };
};
const reply = (eventKey: string, offset: number, changes: Partial<ReplyRecord> = {}): ReplyRecord => {
  const about = { replyId: `r-${eventKey}`, eventKey, source: 's', partition: 0, offset, createdAtMs: ASKED_MS };
  return { ...about, isAltered: false, ...changes };
};
const NO_COMMANDS: JudgedCommands = { findings: [], waiting: [], hasCommitted: false, isCut: false };

const NOTHING: ReplyInput = {
  ...{ topic: 't', effects: [], hasEarlierEffects: false, commands: NO_COMMANDS, replies: [], acknowledged: new Set() },
  ...{ logBeginsMs: 0, acknowledgedFromMs: Number.NEGATIVE_INFINITY, oldestUnsentMs: Number.POSITIVE_INFINITY },
  ...{ nowMs: NOW_MS, graceMs: GRACE_MS },
};

function judged(changes: Partial<ReplyInput>) {
  const { stages, findings } = judgeReplies({
    ...NOTHING,
    ...changes,
  });
  const [replied, delivered] = stages.map(({ verdict }) => verdict);
  return { replied, delivered, found: findings.map(({ kind, stage, eventKey }) => `${kind} ${stage} ${eventKey}`) };
}

describe('command to reply', () => {
  test('finds exactly the commands whose reply is not there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50)), fc.array(fc.nat(50)), (commands, lost) => {
        const effects = commands.map((one) => effect(String(one)));
        const replies = commands.filter((one) => !lost.includes(one)).map((one, index) => reply(String(one), index));
        const { found } = judged({ effects, replies });
        const expected = commands
          .filter((one) => lost.includes(one))
          .map((one) => `reply-missing command-to-reply ${one}`);
        expect(found).toEqual(expected);
      }),
    );
  });

  test.each<[string, Partial<ReplyInput>]>([
    ['is young', { effects: [effect('a', { atMs: NOW_MS - 10 })] }],
    ['was skipped', { effects: [effect('a', { status: 'skipped' })] }],
    ['waits in the outbox', { effects: [effect('a')], oldestUnsentMs: ASKED_MS - 500 }],
    ['is older than the log', { effects: [effect('a')], logBeginsMs: ASKED_MS + 60_000 }],
    // Made a moment before the effect was written, and gone; or made by a clock that is behind.
    ['was the last to leave the log', { effects: [effect('a')], logBeginsMs: ASKED_MS }],
    ['may have been the last to leave it', { effects: [effect('a')], logBeginsMs: ASKED_MS - GRACE_MS + 6 }],
  ])('asks for no reply that %s', (_why, changes) => {
    expect(judged(changes).found).toEqual([]);
  });

  test('asks for the reply of the first effect that is younger than all that left the log', () => {
    const logBeginsMs = ASKED_MS - GRACE_MS + 5;
    expect(judged({ effects: [effect('a')], logBeginsMs }).found).toEqual(['reply-missing command-to-reply a']);
    const [stage] = judgeReplies({ ...NOTHING, effects: [effect('a')], logBeginsMs }).stages;
    expect(stage?.since).toBe(new Date(ASKED_MS + 5).toISOString());
  });

  test.each<[string, Partial<ReplyInput>, string]>([
    ['before what is remembered', { hasEarlierEffects: true }, 'inconclusive'],
    ['before it, and no reply is left', { hasEarlierEffects: true, replies: [] }, 'inconclusive'],
    ['at its very beginning', { effects: [effect('a')], logBeginsMs: ASKED_MS }, 'inconclusive'],
    [
      'before it, beside one of now',
      { effects: [effect('a', { atMs: NOW_MS })], hasEarlierEffects: true },
      'inconclusive',
    ],
    [
      'before it, beside one that is judged',
      { effects: [effect('a')], replies: [reply('a', 1)], hasEarlierEffects: true },
      'pass',
    ],
    ['of now alone', { effects: [effect('a', { atMs: NOW_MS })] }, 'pass'],
  ])('where effects are %s', (_where, changes, expected) => {
    // Replies to others were read.
    expect(judged({ replies: [reply('b', 1)], ...changes }).replied).toBe(expected);
  });

  test('a reply that is there again is a duplicate, two replies to one command are doubled', () => {
    const effects = [effect('a'), effect('b')];
    const again = [reply('a', 1), reply('a', 2), reply('b', 3), reply('b', 4, { replyId: 'another' })];
    expect(judged({ effects, replies: again })).toEqual({
      replied: 'fail',
      delivered: 'not-measurable',
      found: ['duplicate command-to-reply a', 'reply-doubled command-to-reply b'],
    });
    expect(judged({ effects: [effect('a')], replies: again.slice(0, 2) }).replied).toBe('pass');
  });

  test('a reply that was altered on the log fails the stage, and answers its command all the same', () => {
    const replies = [reply('a', 1), reply('b', 2, { isAltered: true })];
    expect(judged({ effects: [effect('a'), effect('b')], replies })).toMatchObject({
      replied: 'fail',
      found: ['altered command-to-reply b'],
    });
  });

  test('says nothing where nothing was commanded', () => {
    expect(judged({})).toEqual({ replied: 'not-measurable', delivered: 'not-measurable', found: [] });
  });
});

describe('commands without an effect', () => {
  const found: Finding = {
    ...{ kind: 'reply-missing', stage: 'command-to-reply', partition: 0, offset: 5, eventKey: 'x', detail: '' },
  };
  const stage = (changes: Partial<ReplyInput>) => {
    const [replied] = judgeReplies({
      ...NOTHING,
      ...changes,
    }).stages;
    return `${replied?.verdict}: ${replied?.detail}`;
  };
  const waiting = [{ partition: 0, sinceMs: 0 }];
  const answered = { effects: [effect('a')], replies: [reply('a', 1)] };

  test('fail the stage, also where no other command had an effect', () => {
    const commands = { ...NO_COMMANDS, findings: [found], hasCommitted: true };
    expect(judged({ commands })).toMatchObject({ replied: 'fail', found: ['reply-missing command-to-reply x'] });
    expect(stage({ commands, ...answered })).toBe(
      'fail: 1 commands with an effect, 0 replies missing, 0 commands answered twice, 1 commands passed over without an effect',
    );
    expect(stage({ commands: { ...commands, isCut: true } })).toContain('more than 1 commands passed over');
  });

  test('were handled where their reply is on the log: the effects may be those of an older database', () => {
    const commands = { ...NO_COMMANDS, findings: [found], hasCommitted: true };
    const input = { commands, effects: [effect('a')], replies: [reply('a', 1), reply('x', 2)] };
    expect(judged(input)).toMatchObject({ replied: 'pass', found: [] });
    expect(stage(input)).toContain('0 replies missing, 0 commands answered twice, 0 commands passed over');
  });

  test.each<[string, Partial<ReplyInput>, string]>([
    ['that wait', { commands: { ...NO_COMMANDS, waiting, hasCommitted: true } }, 'inconclusive'],
    ['that wait beside answered ones', { commands: { ...NO_COMMANDS, waiting }, ...answered }, 'inconclusive'],
    [
      'that wait for a group whose commits are gone',
      { commands: { ...NO_COMMANDS, waiting }, effects: [effect('a', { status: 'skipped' })] },
      'inconclusive',
    ],
    [
      'that nobody was ever there to answer',
      { commands: { ...NO_COMMANDS, waiting } },
      'not-measurable: commands are stored',
    ],
    ['of which there are none', { commands: { ...NO_COMMANDS, hasCommitted: true } }, 'not-measurable: no command had'],
    [
      'of which there are none beside answered ones',
      { commands: { ...NO_COMMANDS, hasCommitted: true }, ...answered },
      'pass',
    ],
  ])('%s', (_which, changes, expected) => {
    expect(stage(changes).startsWith(expected)).toBe(true);
  });

  test('never lift a verdict by waiting', () => {
    const commands = { findings: [found], waiting, hasCommitted: true, isCut: false };
    expect(stage({ commands })).toMatch(
      /^fail: .*; commands of 1 partitions wait, stored since 1970-01-01T00:00:00.000Z/,
    );
  });
});

describe('reply to delivered', () => {
  const effects = [effect('a'), effect('b')];
  const replies = [reply('a', 1), reply('b', 2)];

  test('holds only those peers to it that have ever acknowledged', () => {
    expect(judged({ effects, replies }).delivered).toBe('not-measurable');
    expect(judged({ effects, replies, acknowledged: new Set(['r-a', 'r-b']) }).delivered).toBe('pass');
    expect(judged({ effects, replies, acknowledged: new Set(['r-b']) })).toEqual({
      replied: 'pass',
      delivered: 'fail',
      found: ['reply-missing reply-to-delivered a'],
    });
    const elsewhere = [reply('a', 1, { source: 'another' }), reply('b', 2)];
    expect(judged({ effects, replies: elsewhere, acknowledged: new Set(['r-b']) }).delivered).toBe('pass');
  });

  test('one whose acknowledgement may be purged is not passed over, a later one is', () => {
    const given = { effects, replies, acknowledged: new Set(['r-b']) };
    // Of each one it may be purged: that lets nothing pass.
    for (const acknowledgedFromMs of [ASKED_MS - GRACE_MS + 1, NOW_MS])
      expect(judged({ ...given, acknowledgedFromMs })).toMatchObject({ delivered: 'inconclusive', found: [] });
    const young = { acknowledgedFromMs: ASKED_MS, effects: [...effects, effect('c')] };
    const youngReply = (source: string) => reply('c', 3, { source, createdAtMs: ASKED_MS + GRACE_MS });
    expect(judged({ ...given, ...young, replies: [...replies, youngReply('s')] }).delivered).toBe('pass');
    // A source that never acknowledges is not judged.
    expect(judged({ ...given, ...young, replies: [...replies, youngReply('another')] }).delivered).toBe('inconclusive');
    expect(judged({ ...given, acknowledgedFromMs: ASKED_MS - GRACE_MS }).found).toEqual([
      'reply-missing reply-to-delivered a',
    ]);
  });

  test('what waits for a peer that is away, or whose acknowledgement waits to be stored, is not missing', () => {
    expect(judged({ effects, replies, acknowledged: new Set(['r-a']) }).delivered).toBe('pass');
    const apart = [reply('a', 1), reply('b', 2, { partition: 1 })];
    expect(judged({ effects, replies: apart, acknowledged: new Set(['r-b']) }).delivered).toBe('pass');
    // Where it is on the log again is not where it was delivered.
    const again = [reply('a', 1), reply('b', 2), reply('a', 3)];
    expect(judged({ effects, replies: again, acknowledged: new Set(['r-a']) }).delivered).toBe('pass');
  });
});
