// In many records a few are lost, altered or doubled by hand: each is found with its id, offset and stage, nothing else is; healed
// by hand, each is reported healed, and its first verdict is kept. PMC_AUDIT_RECORDS=1000000 runs the long form.
import { expect, test } from 'vitest';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { type Appended, AuditedSystem } from '../support/audited-system.ts';

const RECORDS = Number(process.env['PMC_AUDIT_RECORDS'] ?? 100_000);
const TIMEOUT_MS = 60_000 + RECORDS * 2;

const keyOf = ({
  kind,
  stage,
  partition,
  offset,
  id,
}: Pick<Finding, 'kind' | 'stage' | 'partition' | 'offset' | 'id'>) => `${kind} ${stage} ${partition}@${offset} ${id}`;

const place = ({ partition, offset }: Appended) => [partition, String(offset)];

test(`in ${RECORDS} records each planted fault is found, and nothing else`, { timeout: TIMEOUT_MS }, async () => {
  await using system = await AuditedSystem.start(3);
  const all = await system.append(RECORDS);
  const lane = all.filter(({ partition }) => partition === 1);
  const pick = (share: number): Appended => lane[Math.floor(lane.length * share)] as Appended;
  const start = Math.floor(lane.length * 0.6);
  const [deleted, altered, neverStored] = [pick(0.1), pick(0.2), pick(0.9)];
  const range = lane.slice(start, start + 10);
  await system.store(all, new Set([neverStored]));
  expect(await system.audit()).toMatchObject({ verdict: 'fail', accounts: { missing: 1, residual: 0 } });

  const { pool } = system;
  for (const one of [deleted, ...range])
    await pool.query('delete from message_metadata where partition = $1 and record_offset = $2', place(one));
  await pool.query(
    `update message_metadata set raw_payload = replace(raw_payload::text, 'text m', 'text n')::json
     where partition = $1 and record_offset = $2`,
    place(altered),
  );
  const ends = [0, 2].map((partition) => all.filter((one) => one.partition === partition).length);
  for (const [index, partition] of [0, 2].entries()) {
    await pool.query(
      `insert into message_metadata select (jsonb_populate_record(m,
         jsonb_build_object('id', gen_random_uuid(), 'identity', null, 'record_offset', $2::bigint))).*
       from message_metadata m where partition = $1 and record_offset = 5`,
      [partition, (ends[index] ?? 0) + 3],
    );
  }

  const broken = await system.audit();
  const stage = 'log-to-stored';
  const lost = [neverStored, deleted, ...range].map(({ partition, offset, event }) => {
    return keyOf({ kind: 'missing', stage, partition, offset: Number(offset), id: event.id ?? '' });
  });
  const changed = {
    kind: 'altered',
    stage,
    partition: 1,
    offset: Number(altered.offset),
    id: altered.event.id ?? '',
  } as const;
  const doubled = [0, 2].map((partition, index) => `extra ${stage} ${partition}@${(ends[index] ?? 0) + 3} undefined`);
  expect(broken.findings.map(keyOf).sort()).toEqual([...lost, keyOf(changed), ...doubled].sort());
  expect(broken.verdict).toBe('fail');
  expect(broken.accounts).toMatchObject({ settled: RECORDS, missing: 12, altered: 1, extra: 2, residual: 0 });
  expect(broken.accounts.stored).toBe(RECORDS - 13);

  await pool.query(
    'delete from message_metadata where (partition, record_offset) in (($1::int, $2::bigint), (0, $3), (2, $4))',
    [...place(altered), (ends[0] ?? 0) + 3, (ends[1] ?? 0) + 3],
  );
  await system.store([neverStored, deleted, ...range, altered]);
  const healed = await system.audit();
  expect(healed).toMatchObject({ verdict: 'pass', findings: [], accounts: { stored: RECORDS, residual: 0 } });
  expect(healed.healed.map(({ finding }) => keyOf(finding)).sort()).toEqual(broken.findings.map(keyOf).sort());
  const first = healed.healed.find(({ finding }) => finding.offset === Number(neverStored.offset));
  expect(first?.firstRun).not.toBe(broken.runId);
  const { rows } = await pool.query<{ state: string; first_run: string; healed_run: string; kind: string }>(
    `select state, first_run, healed_run, detail ->> 'kind' as kind from audit.findings order by finding_key`,
  );
  expect(new Set(rows.map(({ state, healed_run }) => `${state} ${healed_run}`))).toEqual(
    new Set([`healed ${healed.runId}`]),
  );
  expect(rows.filter(({ kind }) => kind === 'missing')).toHaveLength(12);
});

test('a persister that calls every record a duplicate, or quarantines all, fails the audit', async () => {
  for (const claim of ['duplicates', 'quarantine'] as const) {
    await using system = await AuditedSystem.start(1);
    const all = await system.append(200);
    await system.store(all);
    const keep = claim === 'duplicates' ? 'where record_offset > 0' : '';
    await system.pool.query(
      claim === 'duplicates'
        ? `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
           select incarnation, partition, record_offset, id, incarnation, 0, 0 from message_metadata ${keep}`
        : `insert into quarantine (incarnation, topic, partition, record_offset, code, reason)
           select incarnation, 'pmc.messages.incoming', partition, record_offset, 'BAD', 'all is bad' from message_metadata`,
    );
    await system.pool.query(`delete from message_metadata ${keep}`);
    const { verdict, accounts, findings } = await system.audit();
    const lost = claim === 'duplicates' ? 199 : 200;
    expect(accounts).toMatchObject({ settled: 200, missing: lost, duplicateOf: 0, quarantined: 0, residual: 0 });
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['missing']));
    expect(verdict).toBe('fail');
  }
});

test('of a partition that has lost all of its rows each one is told', async () => {
  const lost = 150_000;
  await using system = await AuditedSystem.start(1);
  await system.store(await system.append(lost));
  await system.pool.query('delete from message_metadata');
  const { verdict, accounts, findings } = await system.audit();
  expect(accounts).toMatchObject({ settled: lost, missing: lost, residual: 0 });
  expect([verdict, findings.length]).toEqual(['fail', lost]);
});
