// Excludes: a life that `pmc audit explain` calls well and the audit a loss, or the other way round.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { derivedKey } from '../../consumers/gap-detector/derived-columns.ts';
import type { RangeReader } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { GROUP } from '../../schemas/topics.ts';
import { type Appended, AuditedSystem } from '../support/audited-system.ts';
import { ReplyLog } from '../support/reply-log.ts';

let system: AuditedSystem;

beforeEach(async () => {
  system = await AuditedSystem.start(1);
});

afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

const at = ({ partition, offset }: Appended): string => `${partition}@${offset}`;

/** The verdict of the life, and what it says of the row. */
async function told(record: Appended): Promise<string> {
  const [life] = await system.explain(at(record));
  const stored = life?.stages.find(({ stage }) => stage === 'stored');
  return `${life?.verdict}: ${stored?.state}, ${stored?.evidence}`;
}

async function purge({ offset }: Appended): Promise<void> {
  await system.pool.query('delete from message_metadata where record_offset = $1', [String(offset)]);
  await system.pool.query(
    `insert into purged (incarnation, partition, lower_offset, upper_offset, reason) values ($1, 0, $2, $3, 'test')`,
    [system.incarnation, String(offset), String(offset + 1n)],
  );
}

test('a record that expires while it is told of is told of as it was read', async () => {
  const [record] = (await system.append(1)) as [Appended];
  await system.store([record]);
  let isThere = true;
  const ranges: Pick<RangeReader, 'read'> = {
    async *read(...range) {
      if (!isThere) return;
      isThere = false;
      yield* system.servers.ranges.read(...range);
    },
  };
  const [life] = await system.explain(at(record), { ranges });
  expect(life).toMatchObject({ verdict: 'pass', findings: [] });
  expect(life?.stages.find(({ stage }) => stage === 'stored')).toMatchObject({
    state: 'seen',
    evidence: 'the row has the text and the columns of the record',
  });
});

test('an event key is one in whatever letters it is written', async () => {
  const [record] = (await system.append(1)) as [Appended];
  await system.store([record]);
  const { rows } = await system.pool.query<{ id: string }>('select id from message_metadata');
  const key = rows[0]?.id ?? '';
  const place = { offset: Number(record.offset) };
  expect(await system.explain(key.toUpperCase())).toMatchObject([{ eventKey: key, place }]);
  await system.pool.query('delete from message_metadata');
  expect(await system.explain(key.toUpperCase())).toMatchObject([{ eventKey: key, place }]);
});

test('an id of a source that looks like a key is what it is', async () => {
  const [record] = (await system.append(1)) as [Appended];
  await system.store([record]);
  const id = '6BA7B810-9DAD-11D1-80B4-00C04FD430C8';
  await system.pool.query('update message_metadata set event_id = $1', [id]);
  expect(await system.explain(id)).toMatchObject([{ place: { offset: Number(record.offset) } }]);
});

test('a row that retention has deleted is well in both', async () => {
  const records = await system.append(5);
  await system.store(records);
  await purge(records[2] as Appended);
  expect(await system.audit()).toMatchObject({ accounts: { purged: 1, missing: 0 } });
  expect(await told(records[2] as Appended)).toBe('pass: seen, purged: its row was deleted by retention');
});

test('a claim that proves wrong is a loss in both', async () => {
  const [event] = system.messages(1) as [IncomingEvent];
  const records = await system.appendEvents([event, { ...event, ingestSeq: event.ingestSeq + 1 }]);
  await system.append(1);
  const [first, second] = records as [Appended, Appended];
  await system.store(records);
  expect(await told(second)).toMatch(/^pass: seen, duplicateOf: /);
  await system.pool.query('delete from message_metadata where record_offset = $1', [String(first.offset)]);
  expect((await system.audit()).accounts.missing).toBe(2);
  expect(await told(second)).toMatch(/^fail: absent, called a duplicate, but/);
  await system.pool.query(`update duplicates set status = 'superseded';`);
  await system.pool.query(
    `insert into quarantine (incarnation, topic, partition, record_offset, code, reason) values ($1, $2, 0, $3, 'PMC_CODEC_MALFORMED', 'test')`,
    [system.incarnation, system.names.incoming, String(second.offset)],
  );
  expect((await system.audit()).accounts.missing).toBe(2);
  expect(await told(second)).toMatch(/^fail: absent, quarantined, but the record is readable/);
});

test('a record that is not the frame which the gateway received is altered in both', async () => {
  const [event] = system.messages(1) as [IncomingEvent];
  const [record] = (await system.appendEvents([event], () => 'f'.repeat(64))) as [Appended];
  await system.store([record]);
  const { findings } = await system.audit();
  expect(findings).toMatchObject([{ kind: 'altered', stage: 'gateway-to-log', offset: 0 }]);
  const [life] = await system.explain(at(record));
  expect(life).toMatchObject({ verdict: 'fail', findings: [{ kind: 'altered', stage: 'gateway-to-log' }] });
  expect(life?.stages.find(({ stage }) => stage === 'in-log')).toMatchObject({ state: 'absent' });
});

const ASKED_MS = Date.now() - 3_600_000;

type Asked = Appended & { readonly key: string };

/** Commands that are stored, and that the group of the commands service has passed. */
async function asked(count: number): Promise<readonly Asked[]> {
  const events = system.messages(count).map((event) => {
    const payload = Buffer.from(JSON.stringify({ event: 'message', id: event.id, content: '/ping' }));
    return { ...event, receivedAt: ASKED_MS, payload };
  });
  const records = await system.appendEvents(events);
  await system.store(records);
  await system.pool.query('update message_metadata set created_at = received_at');
  await system.servers.admin.setCommitted(GROUP.commands, system.names.incoming, new Map([[0, BigInt(count)]]));
  return records.map((record) => ({ ...record, key: derivedKey(record.event) }));
}

test('a command is answered in both, or in neither: whether its effect is gone, or its reply has left the log', async () => {
  await using replies = await ReplyLog.create(system, 2);
  const [restored, passed, expired, lost, answered] = (await asked(5)) as [Asked, Asked, Asked, Asked, Asked];
  await replies.reply(restored.key, 1, ASKED_MS);
  await replies.effect(ASKED_MS + 5, expired.key);
  await replies.reply(expired.key, 0, ASKED_MS);
  await replies.cut(0, 1n);
  const laterMs = ASKED_MS + 600_000;
  await replies.effect(laterMs, answered.key);
  await replies.reply(answered.key, 0, laterMs);
  await replies.effect(laterMs + 60_000, lost.key);
  const { findings } = await system.audit(undefined, replies.topic);
  expect(findings.map(({ kind, eventKey }) => [kind, eventKey])).toEqual([
    ['reply-missing', passed.key],
    ['reply-missing', lost.key],
  ]);
  const told = async (record: Asked): Promise<string> => {
    // By its own rules, not by what the audit has booked.
    await system.pool.query('delete from audit.findings');
    const [life] = await system.explain(at(record), { outgoing: replies.topic });
    return `${life?.verdict} ${life?.stages.find(({ stage }) => stage === 'replied')?.state}`;
  };
  expect(await told(restored)).toBe('pass seen');
  expect(await told(passed)).toBe('fail absent');
  expect(await told(expired)).toBe('inconclusive unknown');
  expect(await told(lost)).toBe('fail absent');
  expect(await told(answered)).toBe('pass seen');
});
