// Excludes: a stored command that nobody has handled and the audit does not name (its offset was skipped, or the service lost it), and an
// alarm over one that has a reason to have no effect or that the service has not come to. The commands service's own handler on a real
// database; its group's offsets are on a real broker.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseEvent } from '../../consumers/commands/command.ts';
import { type HandlerDeps, handleBatch } from '../../consumers/commands/handle-batch.ts';
import { forget } from '../../consumers/commands/retention.ts';
import { bookedFindings } from '../../consumers/gap-detector/findings-book.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { GROUP } from '../../schemas/topics.ts';
import { type Appended, AuditedSystem } from '../support/audited-system.ts';
import { batchOf, command, handlerDeps } from '../support/command-batches.ts';

const MINUTE_MS = 60_000;

let system: AuditedSystem;
let outgoing: string;
let received: number;

beforeEach(async () => {
  received = 0;
  system = await AuditedSystem.start(1);
  outgoing = system.names.incoming.replace('incoming', 'outgoing');
  await system.servers.topics.create(outgoing, 1);
});

afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

/** Received and, once it is in `store`, stored long enough ago. */
function asked(content: string, changes: Partial<IncomingEvent> = {}): IncomingEvent {
  received += 1;
  const about = { ingestSeq: received, receivedAt: Date.now() - 2 * MINUTE_MS };
  return command(content, `m${received}`, { ...about, ...changes });
}

/** A frame of its own around a command. */
function framed(frame: object, changes: Partial<IncomingEvent> = {}): IncomingEvent {
  const event = asked('/ping', changes);
  return { ...event, payload: Buffer.from(JSON.stringify({ id: event.id, content: '/ping', ...frame })) };
}

/** Appends and stores, a minute ago by the database. */
async function stored(events: readonly IncomingEvent[]): Promise<readonly Appended[]> {
  const appended = await system.appendEvents(events);
  await system.store(appended);
  await system.pool.query(`update message_metadata set created_at = created_at - interval '1 minute'`);
  return appended;
}

/** As the commands service does; without its commit. */
async function handled(records: readonly Appended[], overrides: Partial<HandlerDeps> = {}): Promise<void> {
  const events = records.map(({ event }) => event);
  const batch = batchOf(events);
  const at = batch.records.map((record, index) => ({ ...record, offset: records[index]?.offset ?? 0n }));
  const deps = handlerDeps(system.pool, events, { clock: system.servers.clock, ...overrides });
  await handleBatch({ ...batch, incarnation: system.incarnation, records: at }, deps);
}

const committed = async (offset: number): Promise<void> => {
  await system.servers.admin.setCommitted(GROUP.commands, system.names.incoming, new Map([[0, BigInt(offset)]]));
};

/** The verdict on the stage, and the offsets that are named. */
async function judged(): Promise<string> {
  const { stages, findings } = await system.audit(undefined, outgoing);
  const stage = stages.find((one) => one.stage === 'command-to-reply');
  const named = findings.filter(({ kind }) => kind === 'reply-missing').map(({ offset }) => String(offset));
  return [stage?.verdict, ...named].join(' ');
}

const booked = async (id: string): Promise<readonly string[]> =>
  (await bookedFindings(system.pool, { isAll: true, id })).map(({ state }) => state);

/** What `pmc audit explain` tells of its reply. */
async function told({ event }: Appended): Promise<string | undefined> {
  const [life] = await system.explain(event.id ?? '');
  const replied = life?.stages.find(({ stage }) => stage === 'replied');
  return `${replied?.state}: ${replied?.evidence}`;
}

test('a command that a reset of the group skipped is named, told, and well again when somebody has handled it', async () => {
  const records = await stored(['/ping', '/help', 'hello', '/status'].map((text) => asked(text)));
  const [first, second, text] = records as [Appended, Appended, Appended];
  await handled([first]);
  await committed(4);
  expect(await judged()).toBe('fail 1 3');
  expect(await told(second)).toMatch(/^absent: .* has passed it$/);
  expect(await told(text)).toBe('none: no effect: not a command');
  expect(await booked('m2')).toEqual(['open']);
  // Set back, it is in flight: neither lost nor well.
  await committed(1);
  expect(await judged()).toBe('inconclusive');
  expect(await told(second)).toMatch(/^unknown: .* in flight/);
  expect(await booked('m2')).toEqual(['open']);
  await handled(records);
  await committed(4);
  expect(await judged()).toBe('not-measurable');
  expect(await booked('m2')).toEqual(['healed']);
});

test('what has a reason to have no effect is not named, and hides nothing that has none', async () => {
  const nowMs = Date.now();
  const old = { receivedAt: nowMs - 50 * MINUTE_MS };
  const forgotten = { receivedAt: nowMs - 3 * 60 * MINUTE_MS };
  const reasons = [
    ...[asked('no command'), asked('/ping', { type: 'image' }), asked('/ping', { kind: 'edit' })],
    ...[framed({ metadata: { pmc: true } }), framed({ sender: 'pmc' })],
    // Too old, and over the limit: the handler says so in an effect.
    ...[asked('/ping', old), ...Array.from({ length: 45 }, () => asked('/ping'))],
    asked('/ping', forgotten),
  ];
  const unreadable = asked('/ping');
  const timeless = asked('/ping');
  const lost = asked('/ping');
  const records = await stored([...reasons, unreadable, timeless, lost]);
  await handled(records.slice(0, reasons.length));
  await forget({
    ...{ pool: system.pool, clock: system.servers.clock, ageMs: 120 * MINUTE_MS },
    ...{ metrics: { forgot: () => undefined }, signal: new AbortController().signal },
  });
  await system.pool.query(
    `insert into quarantine (incarnation, topic, partition, record_offset, code, reason, status)
     values ($1, '', 0, $2, 'PMC_CODEC_UNKNOWN_SCHEMA', '', 'superseded'), ($1, '', 0, $3, 'PMC_DATABASE_REFUSED', '', 'superseded')`,
    [system.incarnation, reasons.length, reasons.length + 2],
  );
  await system.pool.query(`update message_metadata set flags = '{bad-received-at}' where record_offset = $1`, [
    reasons.length + 1,
  ]);
  await committed(records.length);
  expect(await judged()).toBe(`fail ${records.length - 1}`);
  const [echo, gone, redriven] = [records[3], records[reasons.length - 1], records[reasons.length]] as [
    Appended,
    Appended,
    Appended,
  ];
  expect(await told(echo)).toMatch(/^none: .* an echo of a reply/);
  expect(await told(gone)).toMatch(/^unknown: .* are forgotten$/);
  expect(await told(redriven)).toMatch(/^none: .* could not be read/);
  // Nor is a command of whose rows nothing is left.
  await system.pool.query('delete from message_metadata');
  expect(await judged()).not.toContain('fail');
});

test('whatever the service takes for a command is looked for, however it is stored', async () => {
  const events = [
    ...[
      asked('/'),
      asked('/ping', { type: null }),
      asked(`/${'x'.repeat(30_000)}`),
      asked('/\u0000'),
      asked('/\ud800'),
    ],
    ...[
      framed({ metadata: { pmc: 'true' } }),
      framed({ content: ['/ping'] }),
      framed({ sender: 7 }),
      framed({ content: ' /ping' }),
    ],
    ...[
      asked('/ping', { source: 's\u0000', chat: null, id: null }),
      asked('／ping'),
      asked('/ping', { type: 'text\u0000' }),
    ],
  ];
  const expected = events.flatMap((event, offset) => (parseEvent(event).kind === 'command' ? [offset] : []));
  expect(expected).toEqual([0, 1, 2, 3, 4, 5, 7, 9]);
  await stored(events);
  await committed(events.length);
  expect(await judged()).toBe(['fail', ...expected].join(' '));
});

test('echoes of our own replies, however many, hide no command behind them', async () => {
  const echoes = () => Array.from({ length: 1_000 }, () => framed({ sender: 'pmc' }));
  const events = [...echoes(), asked('/ping'), ...echoes(), asked('/help')];
  await stored(events);
  await committed(1_500);
  expect(await judged()).toBe('fail 1000');
  await system.pool.query('delete from message_metadata where record_offset = 1000');
  expect(await judged()).toBe('inconclusive');
});

test('where the group has never committed there is no finding and no pass', async () => {
  const records = await stored([asked('/ping'), asked('/help')]);
  expect(await judged()).toBe('not-measurable');
  await handled(records.slice(0, 1));
  expect(await judged()).toBe('inconclusive');
  await handled(records);
  expect(await judged()).toBe('not-measurable');
});

test('what left the log before there was a commands service is not named, what left it afterwards is', async () => {
  const records = await stored(Array.from({ length: 5 }, () => asked('/ping')));
  await system.servers.topics.deleteRecordsBefore({ topic: system.names.incoming, partition: 0 }, 3n);
  await committed(5);
  expect(await judged()).toBe('fail 3 4');
  await handled(records.slice(1, 2));
  expect(await judged()).toBe('fail 2 3 4');
});

test('commands of an ended incarnation are nobody’s any more', async () => {
  await stored([asked('/ping'), asked('/help')]);
  await committed(2);
  expect(await judged()).toBe('fail 0 1');
  await system.recreate();
  const records = await stored([asked('/ping'), asked('/help')]);
  await handled(records.slice(0, 1));
  await committed(2);
  expect(await judged()).toMatch(/^fail 1$/);
});
