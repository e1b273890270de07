// Rows that a ledger does not know, beside a run that ends and one that goes on: those of others and of later are counted apart, and
// one that this run never sent is found among them.
import { describe, expect, test } from 'vitest';
import { deliveredEvent } from '../../../schemas/protocol/delivered-event.ts';
import { FrameWriter } from '../frame-writer.ts';
import { populate } from '../population.ts';
import { loadProfile } from '../profile-files.ts';
import type { ExportedRow } from './exported-row.ts';
import type { LedgerLine } from './ledger-line.ts';
import { BEGAN_MS, ENDED_MS, hashOf, perfectRun, RUN, rowOf, sentLine, untilLine } from './verdict.testing.ts';
import { judge } from './verdict.ts';
import { verdictText } from './verdict-text.ts';

const OTHER_RUN = '01KAJX4QQQ0000000000000BBB';
const STREAM = `chaos-${RUN}/source-1`;
const UNTIL_MS = BEGAN_MS + 60_000;
const { sent, rows } = perfectRun(1, 3);
const ended = [...sent, untilLine(ENDED_MS, { ended: true })];
const goingOn = [...sent, untilLine(UNTIL_MS, { ended: false })];
/** As a file that was copied while the run went on, and as all ledgers were before. */
const openEnded: readonly LedgerLine[] = sent;

const profile = loadProfile('demo');
const idOf = (run: string): string => {
  const writer = new FrameWriter(profile, populate(7, { senders: profile.sender.count, chats: profile.chat?.count }), {
    run,
    seed: 7,
  });
  return writer.chosen({ content: 'x' }, BEGAN_MS).id ?? '';
};
let serial = 0;
/** A row of this source that no ledger here has. */
const unknown = (more: Partial<ExportedRow> = {}): ExportedRow =>
  rowOf(sentLine(0, 9, { id: undefined, sha256: hashOf(`unknown ${serial++}`) }), 100 + serial, more);
const numbered = (stream: string, seq: number, more: Partial<ExportedRow> = {}) =>
  unknown({ stream, epoch: '01KAJX5T7Z0000000000000EEE', seq, ...more });
const evidence = (more: Partial<ExportedRow> = {}): ExportedRow => {
  const id = `reply-${serial++}`;
  const sha256 = hashOf(JSON.stringify(deliveredEvent(id, '127.0.0.1:4001/source-1')));
  return unknown({ id, sha256, ...more });
};
const counts = (ledger: readonly LedgerLine[], ...more: readonly ExportedRow[]) => {
  const { verdict, unexplained, rows: all, deviations } = judge(ledger, [...more, ...rows]);
  const { ofOtherSources, ofOtherRuns, afterLedger, undecided } = all;
  const left = { ofOtherSources, ofOtherRuns, afterLedger, undecided };
  const apart = Object.entries(left).flatMap(([name, count]) => (count > 0 ? [`${name} ${count}`] : []));
  return [
    verdict,
    ...apart,
    ...(deviations.alien.total === unexplained && unexplained > 0 ? [`alien ${unexplained}`] : []),
  ];
};

describe('of another run is a row', () => {
  test.for([
    ['a ledger that has ended', ended],
    ['one that goes on', goingOn],
    ['one that does not say', openEnded],
  ] as const)('whose stream or id says so, beside %s', ([, ledger]) => {
    const theirs = [numbered(`chaos-${OTHER_RUN}/source-1`, 1), unknown({ id: idOf(OTHER_RUN) })];
    expect(counts(ledger, ...theirs, unknown({ id: `${idOf(OTHER_RUN)}_read` }))).toEqual(['pass', 'ofOtherRuns 3']);
  });

  test('that says nothing and was received before this one began, also where it is evidence of a reply', () => {
    const early = { receivedAtMs: BEGAN_MS - 1_001 };
    for (const ledger of [ended, goingOn, openEnded]) {
      expect(counts(ledger, unknown(early), evidence(early))).toEqual(['pass', 'ofOtherRuns 2']);
    }
    // Other bodies under the same ids, such as a request makes: two runs, not a conflict of one.
    expect(counts(ended, unknown({ ...early, id: 'msg_0_1' }))).toEqual(['pass', 'ofOtherRuns 1']);
    expect(judge(ended, [...rows, unknown({ id: 'msg_0_1' })]).deviations.conflict.total).toBe(1);
  });

  test('but never by its time where the id of the run does not tell when it began', () => {
    const renamed = ended.map((line) => ({ ...line, run: 'ZEBRA' }));
    expect(counts(renamed, unknown({ receivedAtMs: 1 }))).toEqual(['fail', 'alien 1']);
  });

  test('that says nothing and was received after this one had ended', () => {
    const late = { receivedAtMs: ENDED_MS + 1_001 };
    expect(counts(ended, unknown(late), evidence(late))).toEqual(['pass', 'ofOtherRuns 2']);
  });

  test('but not one that says that it is of this run, whenever it was received', () => {
    for (const receivedAtMs of [BEGAN_MS - 1, BEGAN_MS + 1, ENDED_MS + 1, undefined]) {
      const ours = [numbered(STREAM, 900, { receivedAtMs }), unknown({ id: idOf(RUN), receivedAtMs })];
      expect(counts(ended, ...ours)).toEqual(['fail', 'alien 2']);
    }
  });

  test('nor one with the ids of a recording, which are those of whoever was recorded', () => {
    const recording = sent.map((line) => ({ ...line, origin: 'recording' as const }));
    const ledger = [...recording, untilLine(ENDED_MS, { ended: true })];
    expect(counts(ledger, unknown({ id: idOf(OTHER_RUN) }))).toEqual(['fail', 'alien 1']);
  });

  test('that says nothing, within a second of the begin or the end, is nobody can say whose', () => {
    for (const receivedAtMs of [BEGAN_MS - 900, ENDED_MS - 900, ENDED_MS + 900]) {
      expect(counts(ended, unknown({ receivedAtMs }), evidence({ receivedAtMs }))).toEqual([
        'inconclusive',
        'undecided 2',
      ]);
    }
  });

  test('a stream that is none of the simulator is of another source', () => {
    expect(counts(ended, numbered('bridge', 1))).toEqual(['pass', 'ofOtherSources 1']);
  });

  test('it is in doubt where the clocks are seen to differ', () => {
    const [first, ...others] = rows;
    const early = { ...(first as ExportedRow), receivedAtMs: BEGAN_MS - 5_000 };
    expect(judge(ended, [early, ...others])).toMatchObject({ verdict: 'pass', doubts: [] });
    const verdict = judge(ended, [early, ...others, unknown({ receivedAtMs: BEGAN_MS - 2_000 })]);
    expect(verdict).toMatchObject({ verdict: 'inconclusive', doubts: [expect.stringContaining('the clocks differ')] });
  });
});

describe('of two runs of one recording', () => {
  const frames = sent.map((line) => ({ ...line, id: undefined, origin: 'recording' as const }));
  const ledger: readonly LedgerLine[] = [...frames, untilLine(ENDED_MS, { ended: true })];
  const at = (receivedAtMs: number, firstOffset = 0) =>
    frames.map((line, index) => rowOf(line, firstOffset + index, { receivedAtMs }));
  const ours = at(BEGAN_MS + 1_000);
  const judged = (...all: readonly ExportedRow[]) => {
    const { verdict, doubts, deviations, rows: counted } = judge(ledger, all);
    return [verdict, counted.ofOtherRuns, deviations.lost.total, deviations.duplicated.total, doubts.length];
  };

  test("the other's rows are neither duplicates nor in the place of a lost one", () => {
    const [before, after] = [at(BEGAN_MS - 60_000, 10), at(ENDED_MS + 60_000, 20)];
    expect(judged(...before, ...ours, ...after)).toEqual(['pass', 6, 0, 0, 0]);
    expect(judged(...before, ...ours.slice(1))).toEqual(['fail', 3, 1, 0, 0]);
    // Its own row may have come late: nobody can tell.
    expect(judged(...ours.slice(1), ...after)).toEqual(['inconclusive', 3, 0, 0, 1]);
    const soon = at(ENDED_MS + 700, 30);
    expect(judged(...ours, ...soon)).toEqual(['pass', 3, 0, 0, 0]);
    expect(judged(...ours.slice(1), ...soon)).toEqual(['inconclusive', 3, 0, 0, 1]);
  });

  test('nor are those of the next round, while the ledger goes on', () => {
    const going = [...frames, untilLine(UNTIL_MS, { ended: false })];
    const next = at(UNTIL_MS + 5_000, 10);
    expect(judge(going, [...ours, ...next])).toMatchObject({ verdict: 'pass', rows: { afterLedger: 3 } });
    expect(judge(going, [...ours.slice(1), ...next])).toMatchObject({
      verdict: 'inconclusive',
      deviations: { lost: { total: 0 } },
    });
  });

  test('beside a ledger that does not say until when it goes nobody can tell any of them apart', () => {
    const all = [...ours, ...at(BEGAN_MS + 90_000, 10)];
    expect(judge(frames, all)).toMatchObject({ verdict: 'inconclusive', unexplained: 0, rows: { matched: 3 } });
  });

  test('a row within a second of the begin may be of either', () => {
    const [first] = at(BEGAN_MS - 500, 40);
    expect(judged(first as ExportedRow, ...ours.slice(1))).toEqual(['inconclusive', 1, 0, 0, 1]);
    expect(judged(first as ExportedRow, ...ours)).toEqual(['pass', 1, 0, 0, 0]);
  });

  test('an event that was recorded with its id has one row, whoever brought it first', () => {
    const named = sent.map((line) => ({ ...line, origin: 'recording' as const }));
    const earlier = named.map((line, index) => rowOf(line, index, { receivedAtMs: BEGAN_MS - 60_000 }));
    const verdict = judge([...named, untilLine(ENDED_MS, { ended: true })], earlier);
    expect(verdict).toMatchObject({ verdict: 'pass', doubts: [], rows: { matched: 3 } });
  });
});

describe('of after the ledger is a row', () => {
  const later = { receivedAtMs: UNTIL_MS + 1 };

  test('that was received when the ledger had been read', () => {
    const all = [numbered(STREAM, 4, later), unknown({ ...later, id: idOf(RUN) }), unknown(later), evidence(later)];
    expect(counts(goingOn, ...all)).toEqual(['pass', 'afterLedger 4']);
    const text = verdictText(judge(goingOn, [...rows, ...all]));
    expect(text).toMatch(/rows compared +3 {2}4 of after the ledger left out\n/);
    const others = [rowOf(sentLine(0, 1), 9, { source: 'user:ann' }), numbered(`chaos-${OTHER_RUN}/`, 1)];
    expect(verdictText(judge(openEnded, [...rows, ...others, unknown()]))).toContain(
      '  1 of other sources left out, 1 of other runs left out, 1 undecided\n',
    );
  });

  test('but not one that came while the ledger was written: this run has never sent it', () => {
    const meanwhile = { receivedAtMs: UNTIL_MS - 5_000 };
    const all = [numbered(STREAM, 4, meanwhile), unknown({ ...meanwhile, id: idOf(RUN) }), evidence(meanwhile)];
    expect(counts(goingOn, ...all, unknown(meanwhile))).toEqual(['fail', 'alien 4']);
  });

  test('clocks of two machines may differ by a second', () => {
    expect(counts(goingOn, numbered(STREAM, 4, { receivedAtMs: UNTIL_MS - 900 }))).toEqual(['pass', 'afterLedger 1']);
  });

  test('that has a number which a ledger without an end has not got to, and was not acknowledged in it', () => {
    const epoch = '01KAJX5T7Z0000000000000EEE';
    const about = { run: RUN, stream: STREAM, epoch } as const;
    const counting = sent.map((line, index) => ({ ...line, ...about, seq: index + 1 }));
    const next = numbered(STREAM, 4);
    expect(counts(counting, next)).toEqual(['pass', 'afterLedger 1']);
    expect(counts(counting, { ...next, receivedAtMs: undefined })).toEqual(['pass', 'afterLedger 1']);
    for (const more of [{ upto: 4 }, { at: [4] }]) {
      const acked = { line: 'acked', ...about, ...more } as const;
      expect(counts([...counting, acked], next)).toEqual(['fail', 'alien 1']);
      expect(counts([...counting, acked, untilLine(UNTIL_MS, { ended: false })], { ...next, ...later })).toEqual([
        ...['fail', 'alien 1'],
      ]);
    }
    // Of a number that it has got to, it is another body.
    expect(judge(counting, [...rows, numbered(STREAM, 3)]).deviations.conflict.total).toBe(1);
  });
});

test('nobody can tell what says nothing, where the ledger has no end or the export no times: inconclusive, with what to do', () => {
  const silent = { receivedAtMs: undefined };
  expect(counts(openEnded, unknown(), evidence(), unknown({ id: idOf(RUN) }))).toEqual(['inconclusive', 'undecided 3']);
  expect(counts(goingOn, unknown(silent), evidence(silent))).toEqual(['inconclusive', 'undecided 2']);
  expect(counts(ended, unknown(silent))).toEqual(['inconclusive', 'undecided 1']);
  expect(judge(openEnded, [...rows, unknown()]).doubts).toEqual([expect.stringContaining('take the ledger from')]);
  // What is known for certain is not covered up by it.
  const twice = { ...(rows[0] as ExportedRow), offset: 99 };
  expect(judge(openEnded, [...rows, unknown(), twice])).toMatchObject({ verdict: 'fail', unexplained: 1 });
});
