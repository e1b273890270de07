// Excludes: a loss that is called healed because nobody can see it any more, and one that stays open although all is well by now.
import { expect, test } from 'vitest';
import { storeFindings } from '../../consumers/gap-detector/audit-store.ts';
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
