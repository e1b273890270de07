// Excludes: a conflict that the audit names although one body alone is stored, and one record that is on the books as a repetition
// and as a conflict at once.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bookedFindings } from '../../consumers/gap-detector/findings-book.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { type Appended, AuditedSystem } from '../support/audited-system.ts';
import { incomingEvent } from '../support/incoming-events.ts';

let system: AuditedSystem;
let received: number;

beforeEach(async () => {
  received = 0;
  system = await AuditedSystem.start(1);
});

afterEach(async () => {
  await system[Symbol.asyncDispose]();
});

/** A delivery of number 1 of a source that counts, with this body. */
function delivery(body: string): IncomingEvent {
  received += 1;
  const about = { id: body, stream: 's', streamEpoch: 'e', seq: 1, ingestSeq: received, receivedAt: Date.now() };
  return incomingEvent({ event: 'message', id: body, content: body }, about);
}

const append = async (...bodies: readonly string[]): Promise<readonly Appended[]> =>
  await system.appendEvents(bodies.map(delivery));

interface Line {
  readonly kind: string;
  readonly stage: string;
  readonly offset?: number;
}

const line = ({ kind, stage, offset }: Line): string => `${kind} ${stage} ${offset}`;

/** What the audit finds of numbers and rows. */
async function found(): Promise<readonly string[]> {
  const { findings, accounts } = await system.audit();
  expect(accounts).toMatchObject({ residual: 0, extra: 0, altered: 0 });
  return findings
    .filter(({ stage }) => stage !== 'gateway-to-log')
    .map(line)
    .sort();
}

/** What is open on the books of that. */
async function open(): Promise<readonly string[]> {
  const books = await bookedFindings(system.pool, { isAll: false });
  return books
    .map(({ finding }) => finding)
    .filter(({ stage }) => stage !== 'gateway-to-log')
    .map(line)
    .sort();
}

async function flags(): Promise<readonly string[]> {
  const { rows } = await system.pool.query<{ line: string }>(
    `select record_offset || case when flags @> '{conflict}' then '!' else '' end as line from message_metadata order by record_offset`,
  );
  return rows.map((row) => row.line);
}

const loseRow = async (offset: number): Promise<void> => {
  await system.pool.query('delete from message_metadata where record_offset = $1', [offset]);
};

const REPEATED = 'duplicate source-to-gateway';
const CONFLICT = 'conflict log-to-stored';
const DUPLICATE = 'duplicate log-to-stored';
const MISSING = 'missing log-to-stored';

test('a body whose row was lost and that comes again is in conflict with nobody, also after the first one is stored again', async () => {
  const [first, again] = (await append('a', 'a')) as [Appended, Appended];
  await system.store([first]);
  await loseRow(0);
  await system.store([again]);
  expect(await flags()).toEqual(['1']);
  expect(await found()).toEqual([`${REPEATED} 1`, `${MISSING} 0`]);
  await system.store([first]);
  expect(await flags()).toEqual(['1']);
  expect(await found()).toEqual([`${DUPLICATE} 0`, `${REPEATED} 1`]);
});

test('a body whose first delivery was refused for good is in conflict with nobody', async () => {
  await system.reject(delivery('refused'));
  await system.store(await append('a'));
  expect(await flags()).toEqual(['0']);
  expect(await found()).toEqual([`${REPEATED} 0`]);
});

test.each([
  ['a b a', [`${CONFLICT} 0`, `${CONFLICT} 1`, `${DUPLICATE} 2`, `${REPEATED} 2`]],
  ['a a b', [`${CONFLICT} 0`, `${CONFLICT} 2`, `${DUPLICATE} 1`, `${REPEATED} 1`]],
  ['a b b', [`${CONFLICT} 0`, `${CONFLICT} 1`, `${DUPLICATE} 2`, `${REPEATED} 2`]],
])(
  'of three deliveries %s the repetition is a duplicate and no conflict, the others are in conflict',
  async (bodies, expected) => {
    await system.store(await append(...bodies.split(' ')));
    expect((await flags()).filter((one) => !one.endsWith('!'))).toEqual([]);
    expect(await found()).toEqual(expected);
    expect(await open()).toEqual(expected);
  },
);

test('a second body that was read before it was stored is a conflict on the books, and no repetition any more', async () => {
  const [first, second] = (await append('a', 'b')) as [Appended, Appended];
  await system.store([first]);
  expect(await found()).toEqual([`${REPEATED} 1`]);
  await system.store([second]);
  expect(await found()).toEqual([`${CONFLICT} 0`, `${CONFLICT} 1`]);
  expect(await open()).toEqual([`${CONFLICT} 0`, `${CONFLICT} 1`]);
});

test('a record that changes its account has one finding open', async () => {
  const [first, other, again] = (await append('a', 'b', 'a')) as [Appended, Appended, Appended];
  await system.store([first, other, again]);
  expect(await open()).toEqual([]);
  expect(await found()).toEqual([`${CONFLICT} 0`, `${CONFLICT} 1`, `${DUPLICATE} 2`, `${REPEATED} 2`]);
  // The row is lost and the last delivery is stored in its place; then the first one comes again as its duplicate.
  await loseRow(0);
  await system.store([again]);
  expect(await flags()).toEqual(['1!', '2!']);
  expect(await found()).toEqual([`${CONFLICT} 1`, `${CONFLICT} 2`, `${MISSING} 0`]);
  await system.store([first]);
  const expected = [`${CONFLICT} 1`, `${CONFLICT} 2`, `${DUPLICATE} 0`];
  expect(await flags()).toEqual(['1!', '2!']);
  expect(await found()).toEqual(expected);
  expect(await open()).toEqual(expected);
});

test('a flag stays when the other body has gone for good, and the audit calls it no conflict', async () => {
  await system.store(await append('a', 'b'));
  await loseRow(1);
  await system.pool.query(`insert into purged values ($1, 0, 1, 2, 'retention')`, [system.incarnation]);
  expect(await flags()).toEqual(['0!']);
  expect(await found()).toEqual([`${REPEATED} 1`]);
});
