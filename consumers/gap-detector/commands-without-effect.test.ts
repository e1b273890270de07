import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CommandWithoutEffect, judgeCommands, reachOf, standingOf } from './commands-without-effect.ts';
import { SOUND_RULES } from './rules.ts';

const NOW_MS = 1_000_000;
const TIMES = { rememberedFromMs: Number.NEGATIVE_INFINITY, nowMs: NOW_MS, graceMs: 30_000 };
const REACH = { from: 10n, passed: 20n };

const command = (offset: number, changes: Partial<CommandWithoutEffect> = {}): CommandWithoutEffect => ({
  ...{ partition: 0, offset: BigInt(offset), eventKey: `key-${offset}`, id: `m${offset}`, source: 's' },
  ...{ receivedAtMs: 500_000, storedAtMs: 500_001 },
  ...changes,
});

describe('how far the group is', () => {
  const ENDS = { logStart: 50n, highWatermark: 100n };
  const reach = (committed: bigint | undefined, firstHandled?: bigint) => reachOf(3, ENDS, { committed, firstHandled });

  test.each<[string, bigint | undefined, bigint | undefined, bigint, bigint | undefined]>([
    ['the beginning of the log, where it has handled nothing', 80n, undefined, 50n, 80n],
    ['the first that it has handled, where the log has forgotten that', 80n, 20n, 20n, 80n],
    ['the beginning of the log, where it has handled what lies behind it', 80n, 60n, 50n, 80n],
    ['no offset of its own, where it has never committed', undefined, 60n, 50n, undefined],
    ['the end of the log', 100n, undefined, 50n, 100n],
    ['no offset of this log, where it has committed beyond its end', 101n, undefined, 50n, undefined],
  ])('is judged from %s', (_from, committed, firstHandled, from, passed) => {
    expect(reach(committed, firstHandled)).toEqual({ partition: 3, from, passed });
  });
});

describe('a command without an effect', () => {
  test.each<[string, Partial<CommandWithoutEffect>, Partial<typeof TIMES>, { passed: bigint | undefined } | object]>([
    ['passed-over', {}, {}, {}],
    ['passed-over', { offset: 10n }, {}, {}],
    ['passed-over', { offset: 19n }, {}, {}],
    ['in-flight', { offset: 20n }, {}, {}],
    ['in-flight', {}, {}, { passed: undefined }],
    ['in-flight', {}, {}, { passed: 5n }],
    ['unreached', { offset: 9n }, {}, {}],
    ['young', { storedAtMs: NOW_MS - 29_999 }, {}, {}],
    ['passed-over', { storedAtMs: NOW_MS - 30_000 }, {}, {}],
    ['young', { storedAtMs: NOW_MS, offset: 20n }, {}, {}],
    ['forgotten', {}, { rememberedFromMs: 500_001 }, {}],
    ['passed-over', {}, { rememberedFromMs: 500_000 }, {}],
  ])('is %s (case %#)', (standing, changes, times, reach) => {
    expect(standingOf(command(15, changes), { ...REACH, ...reach }, { ...TIMES, ...times })).toBe(standing);
  });
});

describe('the judgement', () => {
  const judge = (commands: readonly CommandWithoutEffect[], passed: readonly (bigint | undefined)[], times = TIMES) =>
    judgeCommands(
      {
        ...{ topic: 't', incarnation: 'i', commands, isCut: false, ...times },
        reaches: passed.map((one, partition) => ({ partition, from: 0n, passed: one })),
      },
      SOUND_RULES,
    );

  test('names a command with all that is known of it', () => {
    expect(judge([command(5), command(6, { id: null })], [7n])).toEqual({
      findings: [
        {
          ...{
            kind: 'reply-missing',
            stage: 'command-to-reply',
            topic: 't',
            incarnation: 'i',
            partition: 0,
            offset: 5,
          },
          ...{ source: 's', eventKey: 'key-5', id: 'm5', receivedAt: 500_000, detail: expect.any(String) },
        },
        expect.not.objectContaining({ id: expect.anything() }),
      ],
      ...{ waiting: [], hasCommitted: true, isCut: false },
    });
  });

  test('of commands that are old enough exactly those below the offset of the group are findings, the others wait', () => {
    const commands = fc.uniqueArray(
      fc.record({ partition: fc.nat(3), offset: fc.nat(100), storedAtMs: fc.integer({ min: 960_000, max: NOW_MS }) }),
      { selector: ({ partition, offset }) => `${partition}@${offset}` },
    );
    const passed = fc.array(fc.option(fc.bigInt(0n, 100n), { nil: undefined }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(commands, passed, (planted, offsets) => {
        const given = planted.map(({ offset, ...rest }) => command(offset, rest));
        const { findings, waiting, hasCommitted } = judge(given, offsets);
        const old = planted.filter(({ storedAtMs }) => storedAtMs <= NOW_MS - TIMES.graceMs);
        const isPassed = ({ partition, offset }: (typeof old)[number]): boolean =>
          BigInt(offset) < (offsets[partition] ?? 0n);
        expect(findings.map(({ partition, offset }) => `${partition}@${offset}`)).toEqual(
          old.filter(isPassed).map(({ partition, offset }) => `${partition}@${offset}`),
        );
        const late = Map.groupBy(
          old.filter((one) => !isPassed(one)),
          ({ partition }) => partition,
        );
        const since = new Map(
          [...late].map(([one, all]) => [one, Math.min(...all.map(({ storedAtMs }) => storedAtMs))]),
        );
        expect(new Map(waiting.map(({ partition, sinceMs }) => [partition, sinceMs]))).toEqual(since);
        expect(hasCommitted).toBe(offsets.some((one) => one !== undefined));
      }),
    );
  });

  test('where the group has never committed nothing is a finding', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(100)), (offsets) => {
        const given = offsets.map((offset) => command(offset));
        expect(judge(given, [undefined])).toMatchObject({ findings: [], hasCommitted: false });
      }),
    );
  });

  test('of a partition that the topic does not have nothing is said', () => {
    expect(judge([command(5, { partition: 9 })], [7n])).toMatchObject({ findings: [], waiting: [] });
  });
});
