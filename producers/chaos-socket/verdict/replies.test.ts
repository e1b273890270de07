// Losses and repetitions are planted in the replies of a source that acknowledges them; the verdict must find each, and nothing else.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deliveredEvent } from '../../../schemas/protocol/delivered-event.ts';
import { judgeCounts } from './audit-counts.ts';
import type { ExportedRow } from './exported-row.ts';
import type { LedgerLine } from './ledger-line.ts';
import { SentFrames } from './sent-frames.ts';
import { hashOf, perfectRun, RUN, rowOf, sentLine } from './verdict.testing.ts';
import { judge } from './verdict.ts';
import { verdictText } from './verdict-text.ts';

const SOURCE = '/source-1';
const on = (connection: number) => ({ run: RUN, source: SOURCE, connectionId: `connection-${connection}` }) as const;
const reply = (id: string, connection = 0): LedgerLine => ({ line: 'reply', ...on(connection), id });
const handled = (ids: string[], batch?: number, connection = 0): LedgerLine => {
  return { line: 'handled', ...on(connection), ids, ...(batch !== undefined && { batch }) };
};
const heard = (batch: number, connection = 0): LedgerLine => ({ line: 'heard', ...on(connection), batch });
const closed = (connection: number): LedgerLine => ({
  line: 'closed',
  run: RUN,
  connectionId: `connection-${connection}`,
  code: 1006,
  n: 3,
});
const delivered = (id: string, offset: number): ExportedRow => {
  const sha256 = hashOf(JSON.stringify(deliveredEvent(id, `127.0.0.1:4001${SOURCE}`)));
  return rowOf(sentLine(0, 1, { id, chat: undefined, sha256 }), offset);
};
const { ledger, rows } = perfectRun(1, 3);
/** What an audit counts where there is a row for each of so many acknowledged replies. */
const counted = (replies: number) => {
  const stored = rows.length + replies;
  return { runId: 'r', verdict: 'pass', accounts: { settled: stored, stored, altered: 0, missing: 0, extra: 0 } };
};

/** As ledgers were before they said which pong was heard. */
describe('the evidence of replies, where nothing is known of pongs:', () => {
  const two = [...ledger, reply('r1'), reply('r2'), handled(['r1', 'r2'])];

  test('the delivered event of each is accounted for, and no other', () => {
    const verdict = judge(two, [...rows, delivered('r1', 7), delivered('r2', 8)]);
    expect(verdict).toMatchObject({
      ...{ verdict: 'pass', unexplained: 0, findings: [] },
      ...{ replies: { received: 2, acknowledged: 2, heard: 0, delivered: 2 }, rows: { compared: 5, matched: 5 } },
    });
    expect(verdictText(verdict)).toContain('2 acknowledged, 2 delivered');
    const never = judge([...two, reply('r3')], [...rows, ...['r1', 'r2', 'r3'].map(delivered)]);
    expect(never).toMatchObject({ verdict: 'fail', unexplained: 1, rows: { matched: 5 } });
    expect(never.findings).toMatchObject([{ kind: 'alien', id: 'r3' }]);
    expect(never.findings[0]?.detail).toContain('never acknowledged');
  });

  test('twice is once too often, other bytes are another row, and none is a loss', () => {
    const twice = judge(two, [...rows, delivered('r1', 7), delivered('r2', 8), delivered('r2', 9)]);
    expect(twice).toMatchObject({ unexplained: 1, findings: [{ kind: 'duplicated', id: 'r2' }] });
    const other = { ...delivered('r2', 8), sha256: hashOf('something else') };
    const kinds = judge(two, [...rows, delivered('r1', 7), other]).findings.map(({ kind, id }) => `${kind} ${id}`);
    expect(kinds.toSorted()).toEqual(['alien r2', 'lost r2']);
    expect(judge(two, [...rows, delivered('r1', 7)])).toMatchObject({ unexplained: 1, findings: [{ kind: 'lost' }] });
  });

  test('the end of a connection explains what was said on it last, and nothing before that', () => {
    const ended = [...two, closed(0)];
    expect(judge(ended, [...rows, delivered('r1', 7)])).toMatchObject({ verdict: 'pass', unexplained: 0 });
    expect(judge(ended, [...rows, delivered('r2', 7)])).toMatchObject({ verdict: 'fail', unexplained: 1 });
    const again = [...ended, handled(['r2'], undefined, 1)];
    expect(judge(again, [...rows, delivered('r1', 7)]).unexplained).toBe(1);
    expect(judge(again, [...rows, delivered('r1', 7), delivered('r2', 8)]).unexplained).toBe(0);
  });

  test('a repetition is counted and no finding', () => {
    const again = judge([...two, reply('r2')], [...rows, delivered('r1', 7), delivered('r2', 8)]);
    expect(again).toMatchObject({ verdict: 'pass', findings: [], replies: { received: 2, cameAgain: 1 } });
  });
});

describe('a pong that was heard vouches for the evidence:', () => {
  const said = [...ledger, reply('r1'), handled(['r1'], 1), heard(1), reply('r2'), handled(['r2'], 2)];
  const lost = (lines: readonly LedgerLine[]) =>
    judge(lines, rows).findings.map(({ kind, id, explanation }) => `${kind} ${id} ${explanation}`);

  test('no end of a connection explains that it is not there, and explains what no pong was heard for', () => {
    const ended = [...said, closed(0)];
    expect(lost(ended)).toEqual(['lost r1 undefined', 'lost r2 on its way when its connection ended']);
    expect(judge(ended, rows)).toMatchObject({ verdict: 'fail', unexplained: 1, replies: { heard: 1 } });
    expect(judge(ended, rows).findings[0]?.detail).toContain('answered with a pong');
    expect(verdictText(judge(ended, rows))).toContain('  lost        r1');
    expect(judge(ended, [...rows, delivered('r1', 7)])).toMatchObject({ verdict: 'pass', unexplained: 0 });
  });

  test('also when the same was said again over another connection, and that one ended', () => {
    const again = [...said, heard(2), closed(0), reply('r2', 1), handled(['r2'], 3, 1), closed(1)];
    expect(lost(again)).toEqual(['lost r1 undefined', 'lost r2 undefined']);
    const late = [...said, closed(0), handled(['r2'], 3, 1), heard(3, 1), closed(1)];
    expect(lost(late)).toEqual(['lost r1 undefined', 'lost r2 undefined']);
  });

  test('of one batch on one connection, and of no other', () => {
    const onItsWay = ['lost r1 undefined', 'lost r2 on its way when its connection ended'];
    for (const other of [heard(1), heard(3), heard(2, 1)]) expect(lost([...said, other, closed(0)])).toEqual(onItsWay);
    const elsewhere: LedgerLine = { ...heard(2), source: '/source-2' } as LedgerLine;
    expect(lost([...said, elsewhere, closed(0)])).toEqual(onItsWay);
  });

  test('and is missed by the numbers of an audit as well', () => {
    const ended = [...said, closed(0)];
    expect(judgeCounts(new SentFrames(ended), counted(1))).toMatchObject({ verdict: 'pass', replies: { heard: 1 } });
    expect(judgeCounts(new SentFrames(ended), counted(0))).toMatchObject({ verdict: 'fail', unexplained: 1 });
  });
});

describe('a reply that comes again', () => {
  const evidence = [...rows, delivered('r1', 7)];
  const first = [...ledger, reply('r1')];
  const repeated = (lines: readonly LedgerLine[]) => judge(lines, evidence).deviations.repeated.total;

  test('over the connection on which it was acknowledged is a finding, each time', () => {
    const twice = [...first, handled(['r1'], 1), reply('r1'), heard(1), handled(['r1'], 2), reply('r1')];
    const verdict = judge(twice, evidence);
    expect(verdict).toMatchObject({
      ...{ verdict: 'fail', unexplained: 2, replies: { received: 1, cameAgain: 2, acknowledged: 1 } },
      ...{ deviations: { repeated: { total: 2, explained: 0 } } },
    });
    expect(verdict.findings[0]).toMatchObject({ kind: 'repeated', source: SOURCE, id: 'r1' });
    expect(verdict.findings[0]?.detail).toContain('connection-0');
    expect(verdictText(verdict)).toContain('  repeated    r1');
    const byNumbers = judgeCounts(new SentFrames(twice), counted(1));
    expect(byNumbers).toMatchObject({ verdict: 'fail', unexplained: 2, deviations: { repeated: { total: 2 } } });
    expect(byNumbers.findings).toMatchObject(Array(2).fill({ kind: 'repeated', id: 'r1' }));
  });

  test('before it was acknowledged, or over another connection, is counted only', () => {
    expect(repeated([...first, reply('r1'), handled(['r1'], 1)])).toBe(0);
    const resumed = [...first, handled(['r1'], 1), closed(0), reply('r1', 1), handled(['r1'], 2, 1), heard(2, 1)];
    expect(repeated(resumed)).toBe(0);
    expect(judge(resumed, evidence)).toMatchObject({ verdict: 'pass', replies: { received: 1, cameAgain: 1 } });
    expect(repeated([...resumed, reply('r1', 1)])).toBe(1);
    // Said again over the new connection, for what came over the old one: it comes over the new one for the first time.
    const carried = [...first, handled(['r1'], 1), closed(0), handled(['r1'], 2, 1), heard(2, 1), reply('r1', 1)];
    expect(repeated(carried)).toBe(0);
    // What was said over another connection says nothing of this one.
    expect(repeated([...first, handled(['r1'], 1, 1), reply('r1')])).toBe(0);
    const ofAnother = [...first, handled(['r1'], 1), { ...reply('r1'), source: '/source-2' } as LedgerLine];
    expect(repeated(ofAnother)).toBe(0);
  });

  test('is found wherever it was planted, and nowhere else', () => {
    const ids = ['r0', 'r1', 'r2'];
    const step = fc.oneof(
      fc.record({ come: fc.constantFrom(...ids) }),
      fc.constantFrom({ say: true }, { break: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lines: LedgerLine[] = [];
        const [came, acknowledged] = [new Set<string>(), new Set<string>()];
        let [connection, batch, planted] = [0, 0, 0];
        for (const one of steps) {
          if ('come' in one) {
            if (acknowledged.has(one.come)) planted += 1;
            came.add(one.come);
            lines.push(reply(one.come, connection));
          } else if ('say' in one && came.size > 0) {
            for (const id of came) acknowledged.add(id);
            lines.push(handled([...came], ++batch, connection));
          } else if ('break' in one) {
            lines.push(closed(connection++));
            came.clear();
            acknowledged.clear();
          }
        }
        expect(repeated([...ledger, ...lines])).toBe(planted);
      }),
    );
  });
});
