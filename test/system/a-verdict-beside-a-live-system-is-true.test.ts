// The ledger beside the rows of a system that goes on, as docs/chaos-socket.md has it: a user writes too, the simulator has run before and
// is not stopped. What is not the ledger's is left out and counted; a row that was never sent is found among it.
import { decodeTime } from 'ulid';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ExportReading, LedgerReading } from '../../producers/chaos-socket/verdict/comparison.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { connect } from '../../producers/client/client.ts';
import { MemoryStore } from '../../producers/client/store.ts';
import { System } from '../support/system.ts';

const WITHIN = { timeout: 60_000, interval: 100 };

let system: System;
let ledger: string;
let rows: string;

const apiUrl = (): string => system.status.simulator?.apiUrl ?? '';
const readLedger = async (): Promise<string> => await (await fetch(`${apiUrl()}/api/ledger`)).text();

async function stored(sql: string): Promise<void> {
  await vi.waitFor(async () => expect(await system.rows(sql)).not.toEqual([]), WITHIN);
}

async function sendMessage(content: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ content, chat: 'chat_0' });
  await vi.waitFor(async () => {
    const answer = await fetch(`${apiUrl()}/api/send-message`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ sent: 1 });
  }, WITHIN);
  await stored(`select 1 from message_metadata where content = '${content}'`);
}

function judge(csv: string, ledgerText = ledger): ChaosVerdict {
  const reading = new LedgerReading();
  reading.push(ledgerText);
  const comparison = new ExportReading(reading.sent);
  comparison.push(csv);
  return comparison.end();
}

function spanOf(text: string): { beganMs: number; untilMs: number } {
  const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as { run: string; at: string };
  return { beganMs: decodeTime(last.run), untilMs: Date.parse(last.at) };
}

beforeAll(async () => {
  system = await System.start({ PMC_CHAOS_PROFILE: 'demo', PMC_CHAOS_SEED: '5' });
  const evidence = (count: number) =>
    stored(`select 1 from message_metadata where kind = 'delivered' and seq is null having count(*) >= ${count}`);
  await sendMessage('/ping');
  await evidence(1);
  const { stdout: token } = await system.pmc('token', 'create', '--role', 'user', '--subject', 'ann');
  const url = system.status.gateway.url;
  const ann = await connect({ url, token: token.trim(), store: new MemoryStore(), onDispatch: () => undefined });
  await ann.send({ event: 'presence', user: 'ann', status: 'online' });
  await ann.close();
  await stored(`select 1 from message_metadata where source = 'user:ann'`);
  // Another run of the same source, with a reply of its own.
  await system.pmc('service', 'stop', 'chaos-socket');
  await system.pmc('service', 'start', 'chaos-socket');
  await sendMessage('/ping');
  await sendMessage('before the ledger');
  await vi.waitFor(async () => {
    const text = await readLedger();
    rows = (await system.pmc('rows', 'export')).stdout;
    expect(judge(rows, text).unexplained).toBe(0);
    // Long enough that the clocks of two machines would tell its beginning from its end.
    expect(spanOf(text).untilMs - spanOf(text).beganMs).toBeGreaterThan(2_000);
    ledger = text;
  }, WITHIN);
  await sendMessage('after the ledger');
  rows = (await system.pmc('rows', 'export')).stdout;
});

afterAll(async () => {
  expect(await system?.stop()).toBe(0);
});

test('rows of a user, of an earlier run and of after the ledger are counted apart', () => {
  const verdict = judge(rows);
  expect(verdict).toMatchObject({ verdict: 'pass', unexplained: 0, doubts: [], findings: [] });
  expect(verdict.rows).toMatchObject({ compared: verdict.rows.matched, undecided: 0 });
  const { ofOtherSources, ofOtherRuns, afterLedger, compared } = verdict.rows;
  for (const count of [ofOtherSources, ofOtherRuns, afterLedger]) expect(count).toBeGreaterThan(0);
  expect(ofOtherSources + ofOtherRuns + afterLedger + compared).toBe(rows.trimEnd().split('\n').length - 1);
});

test('a row that this run never sent is found; one from before it is left out', () => {
  const { rows: clean } = judge(rows);
  const source = new URL(system.status.simulator?.wsUrl ?? '').host;
  const made = (at: string) => `${'f'.repeat(64)},made-up,message,chat_0,${source},,,,uuid,0,1,,${at}\n`;
  expect(judge(rows + made('2020-01-01T00:00:00.000Z'))).toMatchObject({
    ...{ verdict: 'pass', rows: { ofOtherRuns: clean.ofOtherRuns + 1 } },
  });
  const planted = judge(rows + made(new Date(spanOf(ledger).beganMs + 1).toISOString()));
  expect(planted).toMatchObject({ verdict: 'fail', findings: [{ kind: 'alien', id: 'made-up' }] });
});

test('an audit, which counts all of them, is in doubt', async () => {
  const { report } = await system.audit();
  const verdict = judge(JSON.stringify(report));
  expect(verdict).toMatchObject({ verdict: 'inconclusive', unexplained: 0, findings: [] });
  expect(verdict.doubts).toEqual([expect.stringContaining('rows more than the ledger can have')]);
});

test('an export that matches nothing says so', async () => {
  const { code, stdout, stderr } = await system.pmc('rows', 'export', '--source', 'elsewhere');
  expect([code, stdout.split('\n').length]).toEqual([0, 2]);
  expect(stderr).toMatch(/^no row matched; rows are of 127\.0\.0\.1:\d+, user:ann\n$/);
});
