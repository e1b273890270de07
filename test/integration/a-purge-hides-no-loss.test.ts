// Excludes: that retention makes good what was lost, calls lost what it deleted itself, or that what it deleted comes back.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { openSink } from '../../consumers/persistence/sink.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { AuditedSystem } from '../support/audited-system.ts';
import { pmcCommand } from '../support/pmc-command.ts';

const HOUR_MS = 3_600_000;
const OLD = 20;
const LOST = [5, 7, 9, 21];

let system: AuditedSystem;
beforeEach(async () => {
  system = await AuditedSystem.start(1);
  await plant();
});
afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

/** Old events at 0 to 19, young ones from 20 on. Those at 11 and 20 came twice; of those at LOST there is nothing but false claims. */
async function plant(): Promise<void> {
  const old = system.messages(OLD).map((event) => ({ ...event, receivedAt: event.receivedAt - HOUR_MS }));
  old[11] = { ...(old[2] as IncomingEvent), ingestSeq: 12 };
  const [again, ...others] = system.messages(10);
  const young = [{ ...(old[10] as IncomingEvent), ingestSeq: again?.ingestSeq ?? 0 }, ...others];
  const all = await system.appendEvents([...old, ...young]);
  await system.store(all, new Set(LOST.map((offset) => all[offset] as (typeof all)[number])));
  await system.pool.query(
    `insert into quarantine (incarnation, topic, partition, record_offset, code, reason) values ($1, 't', 0, 7, 'X', '')`,
    [system.incarnation],
  );
  await system.pool.query(
    `insert into duplicates (incarnation, partition, record_offset, id, first_incarnation, first_partition, first_offset)
     values ($1, 0, 9, gen_random_uuid(), $1, 0, 3), ($1, 0, 21, gen_random_uuid(), $1, 0, 12)`,
    [system.incarnation],
  );
}

async function purge(): Promise<void> {
  const before = new Date(Date.now() - HOUR_MS / 2).toISOString();
  const answer = await pmcCommand(
    { DATABASE_URL: system.databaseUrl },
    'rows',
    'purge',
    '--before',
    before,
    '--execute',
  );
  expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining('deleted 16 rows') });
}

/** The whole log once more, as after a reset of persistence's group, or what is replayed of it. */
async function readAgain(): Promise<void> {
  const { codec, clock, logger, ranges } = system.servers;
  const sink = openSink({ pool: system.pool, codec, clock, logger, groupId: 'test', onWaiting: () => undefined });
  const at = { topic: system.names.incoming, partition: 0 };
  const { signal } = new AbortController();
  for await (const entries of ranges.read(at, 0n, 30n)) {
    const records = entries.flatMap((entry) => (entry.kind === 'record' ? [entry.record] : []));
    const about = { ...at, incarnation: system.incarnation, generation: 0, highWatermark: 30n, signal };
    if (records.length > 0) await sink({ ...about, records });
  }
}

function missing({ findings }: AuditReport): readonly unknown[] {
  return findings.filter(({ kind }) => kind === 'missing').map(({ offset }) => offset);
}

test('what was lost is lost afterwards, and the books add up', async () => {
  const first = await system.audit();
  expect(missing(first)).toEqual(LOST);
  expect(first.accounts).toMatchObject({ settled: 30, stored: 24, duplicateOf: 2, missing: 4, residual: 0 });
  await purge();
  const second = await system.audit();
  expect([second.verdict, missing(second), second.healed]).toEqual(['fail', LOST, []]);
  // The duplicates of rows that were deleted went with them.
  expect(second.accounts).toMatchObject({
    settled: 30,
    stored: 8,
    purged: 18,
    missing: 4,
    duplicateOf: 0,
    residual: 0,
  });
});

test('a loss that nobody had audited before is found, and so is one when the record has left the log', async () => {
  await purge();
  expect(missing(await system.judge())).toEqual(LOST);
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 20n);
  const { findings } = await system.judge();
  const expired = findings.filter(({ kind }) => kind === 'expired-unaudited');
  // Below the log a claim is not looked into.
  expect(expired.map(({ from, to }) => [from, to])).toContainEqual([5, 5]);
});

test('what was lost comes back by reading again, what was purged does not', async () => {
  await purge();
  await readAgain();
  await readAgain();
  const { accounts, findings } = await system.judge();
  expect(findings.filter(({ kind, stage }) => stage === 'log-to-stored' && kind !== 'duplicate')).toEqual([]);
  expect(accounts).toMatchObject({ settled: 30, stored: 12, purged: 18, missing: 0, duplicateOf: 0, residual: 0 });
});
