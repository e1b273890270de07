// Excludes: a loss that is called healed because nobody can see it any more, and one that stays open although all is well by now.
import { expect, test, vi } from 'vitest';
import { balance, noAccounts } from '../../consumers/gap-detector/accounts.ts';
import { bookFindings, openEvents, storeFindings } from '../../consumers/gap-detector/audit-store.ts';
import type { EpochReport } from '../../consumers/gap-detector/gateway-ledger.ts';
import { type AuditReport, buildReport, type ReportInput } from '../../consumers/gap-detector/report.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import type { Pool } from '../../service/database.ts';
import { withRowStore } from '../support/row-store.ts';

const COMPLETE = { isComplete: true };
const KEY = '00000000-0000-4000-8000-00000000000a';
const REPLY_ID = '00000000-0000-8000-8000-00000000000b';
const EFFECT_MS = Date.parse('2026-01-01T00:00:00Z');

let pool: Pool;
let run = 0;

withRowStore((opened) => {
  pool = opened.pool;
});

function reportOf(findings: readonly Finding[], said: Partial<ReportInput> = {}): AuditReport {
  run += 1;
  const times = { startedAtMs: Date.now(), finishedAtMs: Date.now() };
  return buildReport({
    ...{ runId: `run-${run}`, mode: 'live', clusterId: 'c', coverageMin: 0.95, perPartition: [], unreadable: 0 },
    ...{ ...times, findings, epochs: [], ...said },
  });
}

/** The state of the only finding after a further look. */
async function after(findings: readonly Finding[], said: Partial<ReportInput>): Promise<string> {
  await storeFindings(pool, reportOf(findings, said), COMPLETE);
  const { rows } = await pool.query<{ state: string }>('select state from audit.findings');
  expect(rows).toHaveLength(1);
  return rows[0]?.state ?? '';
}

const epoch = (from: number, judgedUpTo: number): Pick<ReportInput, 'epochs'> => {
  const counts = { settledUpTo: 20, inLog: 20, elsewhere: 0, missing: 0, tail: null };
  const one: EpochReport = { gatewayEpoch: 'e', instance: 'i', state: 'live', from, judgedUpTo, ...counts };
  return { epochs: [one] };
};

test('a frame that the log had lost is not healed when its place expires, nor where the log is not read that far', async () => {
  const lost: Finding = {
    ...{ kind: 'missing', stage: 'gateway-to-log', gatewayEpoch: 'e', from: 5, to: 6, detail: 'not on the log' },
  };
  expect(await after([lost], epoch(1, 20))).toBe('open');
  expect(await after([], epoch(6, 20))).toBe('open');
  expect(await after([], epoch(1, 5))).toBe('open');
  expect(await after([], { epochs: [] })).toBe('open');
  expect(await after([], epoch(5, 6))).toBe('healed');
});

test('a tail of which nobody could say anything is healed when it came, although no checkpoint covers it', async () => {
  const tail: Finding = {
    ...{ kind: 'tail-unknown', stage: 'gateway-to-log', gatewayEpoch: 'e', from: 21, to: 24, detail: 'open' },
  };
  expect(await after([tail], epoch(1, 20))).toBe('open');
  expect(await after([], epoch(1, 20))).toBe('healed');
});

const judged = (since: number, until: number): Pick<ReportInput, 'replies'> => {
  const times = { since: new Date(since).toISOString(), until: new Date(until).toISOString() };
  return { replies: [{ stage: 'command-to-reply', verdict: 'pass', detail: '', ...times }] };
};

test('a reply that was late is healed where it was looked for and its command has its effect still', async () => {
  const late: Finding = {
    ...{ kind: 'reply-missing', stage: 'command-to-reply', topic: 't', source: 's', eventKey: KEY, replyId: KEY },
    ...{ receivedAt: EFFECT_MS, detail: 'not on the log' },
  };
  const around = judged(EFFECT_MS, EFFECT_MS + 1);
  expect(await after([late], around)).toBe('open');
  // Forgotten effects, an older reply that waits, a log that has forgotten: none of them says that it came.
  expect(await after([], around)).toBe('open');
  await pool.query(`insert into effects (event_key, kind, target, status) values ($1, 'reply', 's', 'done')`, [KEY]);
  expect(await after([], judged(0, EFFECT_MS))).toBe('open');
  expect(await after([], judged(EFFECT_MS + 1, EFFECT_MS + 2))).toBe('open');
  expect(await after([], {})).toBe('open');
  expect(await after([], around)).toBe('healed');
});

test('a reply that was passed over is healed by its acknowledgement, and by nothing else', async () => {
  const passed: Finding = {
    ...{ kind: 'reply-missing', stage: 'reply-to-delivered', topic: 't', partition: 0, offset: 3, source: 's' },
    ...{ eventKey: KEY, replyId: REPLY_ID, receivedAt: EFFECT_MS, detail: 'passed over' },
  };
  expect(await after([passed], {})).toBe('open');
  expect(await after([], {})).toBe('open');
  await pool.query(
    `insert into message_metadata (id, raw_payload, incarnation, partition, record_offset, source, event_id, kind, gateway_epoch,
       ingest_seq, received_at, flags, identity)
     values (gen_random_uuid(), '{}', gen_random_uuid(), 0, 0, 's', $1, 'delivered', 'e', 1, now(), '{}', gen_random_uuid())`,
    [REPLY_ID],
  );
  expect(await after([], {})).toBe('healed');
});

test('a reply that is not the one that was sent is a fact of the log', async () => {
  const altered: Finding = {
    ...{ kind: 'altered', stage: 'command-to-reply', topic: 't', partition: 0, offset: 3, source: 's' },
    ...{ eventKey: KEY, replyId: REPLY_ID, receivedAt: EFFECT_MS, detail: 'another text' },
  };
  await pool.query(`insert into effects (event_key, kind, target, status) values ($1, 'reply', 's', 'done')`, [KEY]);
  expect(await after([altered], {})).toBe('open');
  expect(await after([], judged(0, EFFECT_MS + 1))).toBe('open');
});

const AT = { topic: 't', partition: 0, incarnation: '00000000-0000-4000-8000-000000000001' };
const PLACE = { stage: 'log-to-stored', ...AT, detail: '' } as const;

/** A look at [0, upper) of one partition, of which everything is stored. */
function lookUpTo(upper: number): Pick<ReportInput, 'perPartition'> {
  const counts = balance({ ...noAccounts(), stored: upper }, upper, 0);
  return { perPartition: [{ ...AT, from: 0, to: upper, end: upper, suspect: 0, ...counts }] };
}

test('an altered row is healed by an audit that compared all of it, not by one that left its derived columns out', async () => {
  const altered: Finding = { ...PLACE, kind: 'altered', offset: 3 };
  expect(await after([altered], lookUpTo(10))).toBe('open');
  const looked = reportOf([], lookUpTo(10));
  expect(await storeFindings(pool, looked, { ...COMPLETE, isContentOnly: true })).toEqual([]);
  expect(await storeFindings(pool, looked, COMPLETE)).toHaveLength(1);
});

test('what was missing is healed by an audit of the contents alone: it was there', async () => {
  const [missing, extra]: readonly Finding[] = [
    { ...PLACE, kind: 'missing', offset: 3 },
    { ...PLACE, kind: 'extra', offset: 30 },
  ];
  if (missing === undefined || extra === undefined) throw new Error('nothing was planted');
  await storeFindings(pool, reportOf([missing, extra], lookUpTo(10)), COMPLETE);
  const healed = await storeFindings(pool, reportOf([], lookUpTo(10)), { ...COMPLETE, isContentOnly: true });
  expect(healed.map(({ finding }) => finding.kind).sort()).toEqual(['extra', 'missing']);
});

test('what happened to the log is in every report for seven days, and never well', async () => {
  const happened: readonly Finding[] = [
    { ...PLACE, kind: 'truncated', from: 5, to: 9 },
    { ...PLACE, kind: 'recreated', from: 0 },
    { ...PLACE, kind: 'epoch-regressed' },
    { ...PLACE, kind: 'expired-unaudited', from: 2, to: 4 },
  ];
  await storeFindings(pool, reportOf(happened, lookUpTo(10)), COMPLETE);
  expect(await openEvents(pool, AT.topic)).toHaveLength(happened.length);
  await pool.query(`update audit.findings set first_seen_at = now() - interval '8 days'`);
  expect(await openEvents(pool, AT.topic)).toEqual([]);
  expect(await storeFindings(pool, reportOf([], lookUpTo(10)), COMPLETE)).toEqual([]);
});

const missingFrom = (lower: number, count: number): readonly Finding[] =>
  Array.from({ length: count }, (_, index) => ({ ...PLACE, kind: 'missing', offset: lower + index }));

test('of very much that is lost and healed each answer is looked up: what is found is not gone through for each', async () => {
  const [still, replayed] = [missingFrom(0, 400), missingFrom(400, 300)];
  const gap = (from: number): Finding => ({
    ...{ kind: 'source-gap', stage: 'source-to-gateway', source: 's', stream: 'a', streamEpoch: 'e', detail: '' },
    ...{ from, to: from },
  });
  const [open, closed] = [0, 1].map((odd) => Array.from({ length: 300 }, (_, index) => gap(2 * index + odd)));
  const stream = { source: 's', stream: 'a', streamEpoch: 'e', from: 1, judgedUpTo: 900, received: 9, missing: 0 };
  const said = { ...lookUpTo(700), sources: [stream] };
  await storeFindings(pool, reportOf([...still, ...replayed, ...(open ?? []), ...(closed ?? [])], said), COMPLETE);
  let read = 0;
  const counting = [...still, ...(open ?? [])].map(({ kind, ...one }) => ({
    ...one,
    get kind() {
      read += 1;
      return kind;
    },
  }));
  const healed = await storeFindings(pool, { ...reportOf([], said), findings: counting }, COMPLETE);
  expect(healed).toHaveLength(600);
  expect(read).toBeLessThan(20 * counting.length);
});

test('very much is booked in parts, and what the books say already is not written again', async () => {
  const lost = missingFrom(0, 11_000);
  const asked = vi.spyOn(pool, 'query');
  const longest = () =>
    Math.max(
      ...asked.mock.calls.flatMap((given: readonly unknown[]) => {
        const values = given[1];
        return Array.isArray(values) ? values.map((one: unknown) => (Array.isArray(one) ? one.length : 0)) : [];
      }),
    );
  const about = { runId: 'r', at: new Date() };
  const versions = async () => (await pool.query('select xmin, finding_key from audit.findings order by 2')).rows;
  try {
    await bookFindings(pool, lost, about);
    // A sender may call an event anything.
    const long = { ...PLACE, kind: 'missing', id: 'x'.repeat(10_000_000) } as const;
    await bookFindings(
      pool,
      [20_000, 20_001].map((offset) => ({ ...long, offset })),
      about,
    );
    expect([longest(), asked.mock.calls.length]).toEqual([5_000, 2 * 3 + 1 + 2]);
    const before = await versions();
    expect(before).toHaveLength(11_002);
    asked.mockClear();
    await bookFindings(pool, lost, { ...about, runId: 'next' });
    expect(asked).toHaveBeenCalledTimes(3);
    expect(await versions()).toEqual(before);
    // A later look is one: whoever began before it does not heal what it saw.
    await bookFindings(pool, lost.slice(0, 10), { runId: 'later', at: new Date(about.at.getTime() + 1) });
    const { rows } = await pool.query('select from audit.findings where last_seen_at > $1', [about.at]);
    expect(rows).toHaveLength(10);
  } finally {
    asked.mockRestore();
  }
});
