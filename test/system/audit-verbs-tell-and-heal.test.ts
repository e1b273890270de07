// The audit's verbs against the whole system: a loss is listed, explained, reported, stored again by a replay of just that, and
// healed on the books; the drill runs beside it all and touches nothing.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { auditDocumentSchema } from '../../consumers/gap-detector/report-schema.ts';
import { System } from '../support/system.ts';

let system: System;
const folder = mkdtempSync(join(tmpdir(), 'pmc-report-'));

beforeAll(async () => {
  system = await System.start({ PMC_CHAOS_RATE: '50' });
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBeGreaterThan(300), {
    timeout: 60_000,
    interval: 250,
  });
  expect((await system.pmc('service', 'stop', 'chaos-socket')).code).toBe(0);
}, 300_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  expect(await system?.stop()).toBe(0);
});

const parsed = <T>(text: string): T => JSON.parse(text) as T;

test('a loss is listed, explained, reported and healed', { timeout: 400_000 }, async () => {
  const first = await system.audit();
  expect(first.report).toMatchObject({ verdict: 'pass', suspect: 0 });
  const lost = await system.rows<{ id: string; partition: number; record_offset: string; event_id: string }>(
    `delete from message_metadata where id in
       (select id from message_metadata where kind = 'message' order by id limit 3)
     returning id, partition, record_offset, event_id`,
  );
  const [one] = lost;
  if (one === undefined) throw new Error('nothing was deleted');

  expect((await system.pmc('audit', 'run')).code).toBe(3);
  const gaps = await system.pmc('audit', 'gaps', '--json');
  expect(gaps.code).toBe(3);
  const listed = parsed<{ findings: { finding: { kind: string; id: string } }[] }>(gaps.stdout).findings;
  expect(listed.map(({ finding }) => finding.id).sort()).toEqual(lost.map(({ event_id }) => event_id).sort());
  expect((await system.pmc('audit', 'gaps', '--csv')).stdout.split('\n')).toHaveLength(5);

  for (const asked of [one.event_id, one.id, `pmc.messages.incoming-${one.partition}@${one.record_offset}`]) {
    const { code, stdout } = await system.pmc('audit', 'explain', asked, '--json');
    const { lives } = parsed<{ lives: { stages: { stage: string; state: string }[] }[] }>(stdout);
    expect([asked, code, lives[0]?.stages.find(({ stage }) => stage === 'stored')?.state]).toEqual([
      asked,
      3,
      'absent',
    ]);
  }

  const file = join(folder, 'audit.html');
  const report = await system.pmc('audit', 'report', '--json', '--html', file);
  expect(report.code).toBe(3);
  const document = auditDocumentSchema.parse(parsed(report.stdout));
  expect(document.loss.find(({ stage }) => stage === 'log-to-stored')).toMatchObject({ lost: 3 });
  expect(readFileSync(file, 'utf8')).toContain(one.event_id);
  const nowhere = await system.pmc('audit', 'report', '--html', join(folder, 'none', 'audit.html'));
  expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('PMC_AUDIT_REPORT_UNWRITABLE')]);
  expect(existsSync(join(folder, 'none'))).toBe(false);

  const before = await system.count('message_metadata');
  const plan = await system.pmc('replay', '--missing', '--json');
  expect(parsed(plan.stdout)).toMatchObject({ executed: false, offsets: 3, stored: null, unrecoverable: [] });
  expect(await system.count('message_metadata')).toBe(before);
  const done = await system.pmc('replay', '--missing', '--execute', '--json');
  expect([done.code, parsed(done.stdout)]).toEqual([0, expect.objectContaining({ executed: true, stored: 3 })]);
  expect(await system.count('message_metadata')).toBe(before + 3);

  const healed = await system.audit();
  expect(healed.report).toMatchObject({ verdict: 'pass', findings: [] });
  expect((await system.pmc('audit', 'gaps')).code).toBe(0);
  const all = parsed<{ findings: { state: string; firstSeenAt: string; healedAt: string }[] }>(
    (await system.pmc('audit', 'gaps', '--all', '--json')).stdout,
  ).findings;
  expect(all.map(({ state }) => state)).toEqual(['healed', 'healed', 'healed']);
  const told = await system.pmc('audit', 'explain', one.event_id);
  expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('the row has the text and the columns')]);
  // The running audit does not look at every row in every round: it may still tell of the loss.
  await vi.waitFor(async () => expect((await system.pmc('audit', 'watch', '--seconds', '1')).code).toBe(0), {
    timeout: 60_000,
  });
});

test('an audit of the contents alone does not say of an altered column that it is well', async () => {
  const changed = async (to: string, where: string) =>
    await system.rows<{ id: string }>(`update message_metadata set content = ${to} where ${where} returning id`);
  const short = `select id from message_metadata where kind = 'message' and length(content) between 1 and 100 limit 1`;
  const [one] = await changed(`content || '!'`, `id = (${short})`);
  if (one === undefined) throw new Error('nothing was altered');
  const run = async (...flags: readonly string[]) => {
    const { code, stdout } = await system.pmc('audit', 'run', '--json', ...flags);
    return { code, ...parsed<{ findings: { kind: string; eventKey: string }[]; healed: object[] }>(stdout) };
  };
  const whole = await run();
  expect([whole.code, whole.findings.map(({ kind, eventKey }) => [kind, eventKey])]).toEqual([
    3,
    [['altered', one.id]],
  ]);
  expect(await run('--content-only')).toMatchObject({ code: 0, findings: [], healed: [] });
  expect((await system.pmc('audit', 'gaps')).code).toBe(3);
  await changed('left(content, -1)', `id = '${one.id}'`);
  expect(await run()).toMatchObject({ code: 0, findings: [] });
  expect((await system.pmc('audit', 'gaps')).code).toBe(0);
}, 120_000);

test('the drill runs on the live system without touching its data', { timeout: 300_000 }, async () => {
  const tables = ['message_metadata', 'coverage', 'effects', 'outbox', 'forgotten'];
  const counts = () => Promise.all(tables.map((table) => system.count(table)));
  const before = await counts();
  const { code, stdout } = await system.pmc('audit', 'drill', '--json', '--records', '500');
  expect(parsed(stdout)).toMatchObject({ recall: 1, precision: 1, isPassed: true, falseAlarms: [] });
  expect(code).toBe(0);
  expect(await counts()).toEqual(before);
  expect(await system.audit()).toMatchObject({ code: 0, report: { verdict: 'pass' } });
});

test('what operators did near a loss is told beside it', { timeout: 300_000 }, async () => {
  const newest = async () =>
    (await system.rows<{ at: Date }>('select max(received_at) as at from message_metadata'))[0]?.at;
  const before = Number(await newest());
  await system.pmc('service', 'start', 'chaos-socket');
  await vi.waitFor(async () => expect(Number(await newest())).toBeGreaterThan(before + 1_000), { timeout: 60_000 });
  const losing = (where: string, ...values: readonly unknown[]) =>
    system.rows<{ id: string; partition: number; record_offset: string }>(
      `delete from message_metadata where id in (select id from message_metadata where ${where} limit 1)
       returning id, partition, record_offset`,
      values,
    );
  // A replay, a purge and a redrive, each with something to do.
  await losing(`received_at > to_timestamp($1)`, before / 1_000);
  expect((await system.pmc('audit', 'run')).code).toBe(3);
  await system.rows(
    `insert into quarantine (incarnation, topic, partition, record_offset, code, reason, raw)
     values (gen_random_uuid(), 'pmc.messages.incoming', 0, 0, 'PMC_CODEC_MALFORMED', 'planted', '\\x00')`,
  );
  const [oldest] = await system.rows<{ at: Date }>(
    `select min(received_at) + interval '1 s' as at from message_metadata`,
  );
  const actingMs = Date.now();
  const purged = system.pmc(
    'rows',
    'purge',
    '--before',
    oldest?.at.toISOString() ?? '',
    '--execute',
    '--reason',
    'test',
  );
  const done = [
    system.pmc('replay', '--missing', '--execute'),
    purged,
    system.pmc('dlq', 'redrive', '--all', '--execute'),
  ];
  expect((await Promise.all(done)).map(({ code }) => code)).toEqual([0, 0, 3]);
  const actions = await system.rows<{ at: Date; detail: string }>(
    `select at, detail from audit.timeline where kind = 'operator-action' and at > to_timestamp($1) order by at`,
    [actingMs / 1_000],
  );
  const told = ['pmc replay --missing --execute: 1 of 1', 'rows deleted (test)', 'pmc dlq redrive --execute: 0 of 1'];
  const toldBy = (detail: string) => told.find((one) => detail.includes(one)) ?? detail;
  expect(actions.map(({ detail }) => toldBy(detail)).sort()).toEqual([...told].sort());

  const last = Number(actions.at(-1)?.at);
  await vi.waitFor(async () => expect(Number(await newest())).toBeGreaterThan(last + 2_000), { timeout: 60_000 });
  // What lies further away than ten seconds is not told beside it, and the three may: each has a loss of its own.
  const lost: { id: string; place: string; beside: string }[] = [];
  for (const { at, detail } of actions) {
    const [row] = await losing(`true order by abs(extract(epoch from received_at - $1::timestamptz))`, at);
    lost.push({ id: row?.id ?? '', place: `${row?.partition}@${row?.record_offset}`, beside: toldBy(detail) });
  }
  expect((await system.pmc('service', 'stop', 'chaos-socket')).code).toBe(0);
  const { report } = await system.audit();
  const found = report.findings.filter(({ kind }) => kind === 'missing');
  expect(found.map(({ eventKey }) => eventKey ?? '').sort()).toEqual(lost.map(({ id }) => id).sort());
  const file = join(folder, 'beside.html');
  await system.pmc('audit', 'report', '--html', file);
  for (const { id, place, beside } of lost) {
    const coincident = found.find(({ eventKey }) => eventKey === id)?.coincident;
    const [action] = coincident?.filter((one) => one.includes(beside)) ?? [];
    expect([beside, action]).toEqual([beside, expect.stringMatching(/^operator-action \S+ [-+]\d\.\d s: /)]);
    expect(report.timeline).toContainEqual(
      expect.objectContaining({ kind: 'operator-action', detail: expect.stringContaining(beside) }),
    );
    const explained = await system.pmc('audit', 'explain', place);
    expect([explained.code, explained.stdout]).toEqual([3, expect.stringContaining(beside)]);
    expect(readFileSync(file, 'utf8')).toContain(beside.replaceAll('"', '&quot;'));
  }
  await system.pmc('replay', '--missing', '--execute');
  await system.rows(`delete from quarantine where reason <> '' and code = 'PMC_CODEC_MALFORMED'`);
});

test("a reply's id leads to the command that it answers", { timeout: 120_000 }, async () => {
  const replies = await system.rows<{ reply_id: string }>(
    'select reply_id from outbox where sent_at is not null limit 1',
  );
  const replyId = replies[0]?.reply_id ?? 'none';
  const { stdout } = await system.pmc('audit', 'explain', replyId, '--json');
  const { lives } = parsed<{ lives: { eventKey: string; stages: { stage: string; evidence: string }[] }[] }>(stdout);
  expect(lives[0]?.stages.find(({ stage }) => stage === 'replied')?.evidence).toContain(replyId);
  expect(await system.rows('select from effects where event_key = $1', [lives[0]?.eventKey])).toHaveLength(1);
});

test('verbs that are used wrongly say so', { timeout: 120_000 }, async () => {
  expect((await system.pmc('audit', 'explain', 'never-seen')).code).toBe(8);
  const nowhere = await system.pmc('audit', 'explain', '99@1');
  expect([nowhere.code, nowhere.stderr]).toEqual([
    2,
    expect.stringContaining('incoming-99 does not exist: there are 6'),
  ]);
  expect((await system.pmc('audit', 'report', '--run', 'none')).stderr).toContain('PMC_AUDIT_NO_REPORT');
  expect((await system.pmc('replay')).code).toBe(2);
});
