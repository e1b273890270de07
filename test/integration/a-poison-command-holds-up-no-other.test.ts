// Commands whose effect the ledger cannot take, or might not, among sound ones: each sound one has its reply, and nothing is handed
// over again.
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IncomingEvent } from '../../schemas/generated.ts';
import type { Pool } from '../../service/database.ts';
import { command, handle, ListLog, relayOnce, SILENT } from '../support/command-batches.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

let pool: Pool;

withScratchPool((opened) => {
  pool = opened;
});

/** Does not compress: as long in an index as it is. */
const LONG = randomBytes(24_000).toString('base64');

async function repliedTo(): Promise<readonly string[]> {
  const log = new ListLog();
  await relayOnce(pool, log);
  return log.replies.map(({ inReplyTo }) => inReplyTo);
}

async function effects(): Promise<readonly string[]> {
  const { rows } = await pool.query<{ effect: string }>(
    `select concat_ws(' ', kind, status, detail) as effect from effects order by record_offset`,
  );
  return rows.map(({ effect }) => effect);
}

const ODD: Readonly<Record<string, Partial<IncomingEvent>>> = {
  'a source that no index takes': { source: LONG },
  'a source of halves of characters': { source: '\ud83d\u0000'.repeat(2_000) },
  'no name at all': { source: '', chat: null, actor: null },
  'names that no index takes': { chat: LONG, actor: LONG, connection: LONG },
  'names of halves of characters': { chat: '\ud83d\u0000', actor: '\udcaf', connection: '\u0000' },
  'a count that no column takes': { stream: LONG, streamEpoch: '\u0000', seq: Number.MAX_SAFE_INTEGER },
  'a time in the future that no row takes': { receivedAt: Number.MAX_SAFE_INTEGER },
  'a time before all times': { receivedAt: -Number.MAX_SAFE_INTEGER },
};

test.each(Object.entries(ODD))('%s: every command of the batch has its effect', async (_what, envelope) => {
  const odd = [command('/ping', 'odd', envelope), command(`/search ${LONG.slice(0, 3_000)}`, 'odd 2', envelope)];
  const { metrics } = await handle(pool, [command('/ping', 'a'), ...odd, command('/ping', 'b')]);
  expect((await repliedTo()).filter((id) => !id.startsWith('odd'))).toEqual(['a', 'b']);
  expect(await effects()).toHaveLength(4);
  expect(metrics.totals.recordsConsumed).toBe(4);
});

test('a source is named in the ledger as in its rows, and a replay finds its effect', async () => {
  const event = command('/ping', 'a', { source: `${'x'.repeat(511)}💯` });
  await handle(pool, [event]);
  const replay = await handle(pool, [event]);
  const { rows } = await pool.query<{ target: string }>('select target from effects');
  expect(rows).toEqual([{ target: 'x'.repeat(511) }]);
  expect(replay.metrics.totals).toMatchObject({ commandsHandled: 0, effectsSuppressed: 1 });
  expect(await repliedTo()).toEqual(['a']);
});

/** Refusals of the classes 22, 23 and 54, by the names of chats. */
const REFUSALS = `
  alter table outbox add constraint class_22 check (key <> 'divide' or 1 / (length(key) - 6) > 0);
  alter table outbox add constraint class_23 check (key <> 'forbidden');
  create index class_54 on outbox (key)`;

test('whatever the database refuses is recorded as skipped, told and counted, and all others have their reply, in order within a chat', async () => {
  await pool.query(REFUSALS);
  const chats = fc.constantFrom('chat', 'other', 'divide', 'forbidden', LONG);
  await fc.assert(
    fc.asyncProperty(fc.array(chats, { maxLength: 20 }), async (all) => {
      await pool.query('truncate outbox, effects');
      const events = all.map((chat, index) => command('/help', `m${index}`, { chat, actor: `${index}` }));
      const errors: unknown[] = [];
      const handled: (readonly [string, string])[] = [];
      const { metrics } = await handle(pool, []);
      const logger = { ...SILENT, error: (fields: unknown) => errors.push(fields) } as never;
      const counting = {
        ...metrics,
        handled: (name: string, outcome: string) => handled.push([name, outcome]),
      } as never;
      await handle(pool, events, { logger, metrics: counting });
      const replied = await repliedTo();
      for (const chat of ['chat', 'other']) {
        const sound = events.filter((event) => event.chat === chat).map(({ id }) => id);
        expect(replied.filter((id) => sound.includes(id))).toEqual(sound);
      }
      const refused = all.filter((chat) => chat !== 'chat' && chat !== 'other').length;
      expect(replied).toHaveLength(all.length - refused);
      expect([errors.length, handled.filter(([, outcome]) => outcome === 'refused').length]).toEqual([
        refused,
        refused,
      ]);
      expect((await effects()).filter((effect) => effect === 'reply skipped refused')).toHaveLength(refused);
      await handle(pool, events);
      expect(await effects()).toHaveLength(all.length);
    }),
    { numRuns: 25 },
  );
});
