// What refers to a message ends in its state, once, whenever it comes: before the message, again, through another partition, from
// several processes at once, or below what is folded already.
import { randomUUID } from 'node:crypto';
import pg, { type Pool } from 'pg';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { foldSome, REFERENCES } from '../../consumers/persistence/fold-some.ts';
import { Folding } from '../../consumers/persistence/folding.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import type { Candidate, Store } from '../../consumers/persistence/store.ts';
import type { EventKind } from '../../schemas/generated.ts';
import { type MessageState, viewOf } from '../../schemas/message-state.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { withRowStore } from '../support/row-store.ts';
import { lockedTable, storeBatches } from '../support/store-batches.ts';

const ALIVE = new AbortController().signal;
const SILENT = pino({ level: 'silent' });
const incarnation = randomUUID();
const make = storeBatches(incarnation);
let pool: Pool;
let store: Store;
withRowStore((opened) => {
  ({ pool, store } = opened);
});

const START_MS = Date.parse('2026-11-26T08:00:00Z');

/** `kind` of message `to`, at an offset, which is also its second. */
function about(
  to: string,
  kind: EventKind,
  offset: number,
  more: object = {},
  partition = 0,
  chat: string | null = 'c',
) {
  const id = kind === 'message' ? to : `${kind}-${partition}-${offset}`;
  const payload = kind === 'message' ? { id, content: to, ...more } : { id, message_id: to, ...more };
  const event = incomingEvent(payload, { kind, id, chat, actor: 'ann', receivedAt: START_MS + offset * 1_000 });
  const made = toRow(event, { incarnation, partition, offset: BigInt(offset), timestampMs: 0 });
  if (!made.ok) throw made.error;
  return { row: made.row, raw: event.payload } satisfies Candidate;
}

async function write(...candidates: readonly Candidate[]): Promise<void> {
  const partition = candidates[0]?.row.partition ?? 0;
  await store.write(make.batch(candidates, [], partition), ALIVE);
}

function folding(): Folding {
  const backoff = { initialMs: 1, maxMs: 5 };
  return new Folding({ pool, logger: SILENT, backoff, report: () => undefined, onFolded: () => undefined });
}

async function foldAll(): Promise<void> {
  const one = folding();
  await one.wakeAll();
  await one.idle();
}

async function view(message: string) {
  const { rows } = await pool.query<{ state: MessageState }>('select state from message_state where message_id = $1', [
    message,
  ]);
  const [row] = rows;
  return row === undefined ? undefined : viewOf(row.state, 'original');
}

test('edits, reactions, receipts and a delete end in the state of their message, and its history stays', async () => {
  await write(
    about('m', 'message', 0),
    about('m', 'delivered', 1),
    about('m', 'read', 2),
    about('m', 'edit', 3, { new_content: 'better' }),
    about('m', 'reaction', 4, { reaction: '👏' }),
  );
  await foldAll();
  expect(await view('m')).toMatchObject({
    ...{ content: 'better', isEdited: true, deleted: null },
    reactions: [{ by: 'ann', reaction: '👏' }],
    delivered: [{ by: 'ann', atMs: START_MS + 1_000 }],
    read: [{ by: 'ann', atMs: START_MS + 2_000 }],
  });
  await write(about('m', 'delete', 5));
  await foldAll();
  expect(await view('m')).toMatchObject({ content: null, deleted: { by: 'ann' }, edits: [{ content: 'better' }] });
});

test('who removes a message for themselves takes it from nobody else, whatever else is in the payload', async () => {
  const own = { delete_for_everyone: false, deleted_by: 'a\u0000\ud800' };
  await write(about('m', 'message', 0), about('m', 'delete', 1, own));
  await foldAll();
  const deletedFor = [{ by: 'ann', atMs: START_MS + 1_000 }];
  expect(await view('m')).toMatchObject({ content: 'original', deleted: null, deletedFor });
  await write(about('m', 'delete', 2, { delete_for_everyone: true, original: { delete_for_everyone: false } }));
  await foldAll();
  expect(await view('m')).toMatchObject({ content: null, deleted: { by: 'ann' }, deletedFor });
});

test('a transaction takes no more states than fit into memory, those of earlier releases included', async () => {
  const LARGE = 40;
  // As an edit of 16 KiB was kept 1,000 times.
  const changes = Object.fromEntries(
    Array.from({ length: 64 }, (_, n) => [
      `old-${n}`,
      {
        ...{ kind: 'edit', actor: 'ann', content: 'x'.repeat(16_384), receivedAtMs: START_MS - n },
        ...{ incarnation, partition: 9, offset: n },
      },
    ]),
  );
  await pool.query(
    `insert into message_state (source, message_id, state) select 'chaos', 'm' || n, $1 from generate_series(0, $2 - 1) n`,
    [JSON.stringify({ changes, delivered: {}, read: {}, isCut: false }), LARGE],
  );
  const edits = Array.from({ length: LARGE }, (_, n) => about(`m${n}`, 'edit', n, { new_content: `new ${n}` }));
  await write(...edits);
  const folded: number[] = [];
  for (let isBehind = true; isBehind; ) {
    const turn = await foldSome(pool, { incarnation, partition: 0 }, ALIVE);
    folded.push(turn.references);
    ({ isBehind } = turn);
  }
  expect(Math.max(...folded)).toBeLessThan(LARGE / 2);
  expect(folded.reduce((sum, one) => sum + one, 0)).toBe(LARGE);
  expect(await view('m39')).toMatchObject({ content: 'new 39', isCut: true });
  const { rows } = await pool.query<{ bytes: number }>(
    'select max(octet_length(state::text)) as bytes from message_state',
  );
  expect(rows[0]?.bytes).toBeLessThan(200_000);
});

test('no more of what is said is read at once than may be held, and where it ends is', async () => {
  // Fewer characters than bytes.
  await write(...Array.from({ length: 4 }, (_, n) => about('m', 'edit', n, { new_content: `漢字漢字漢字${n}` })));
  const { rows } = await pool.query<object>({ ...REFERENCES, values: [incarnation, 0, 0, 4, 20] });
  expect(rows).toMatchObject([
    { record_offset: '0', content: '漢字漢字漢字0', is_beyond: false },
    { record_offset: '1', content: '漢字漢字漢字1', is_beyond: false },
    { record_offset: '2', content: null, is_beyond: true },
    { record_offset: '3', content: null, is_beyond: true },
  ]);
  const folded: number[] = [];
  for (let isBehind = true; isBehind; ) {
    const turn = await foldSome(pool, { incarnation, partition: 0 }, ALIVE, 20);
    folded.push(turn.references);
    ({ isBehind } = turn);
  }
  expect(Math.max(...folded)).toBeLessThan(3);
  expect(folded.reduce((sum, one) => sum + one, 0)).toBe(4);
  await write(about('m', 'message', 4));
  await foldAll();
  expect(await view('m')).toMatchObject({ content: '漢字漢字漢字3', isEdited: true });
});

test('what refers to a message that is not there yet waits in its state', async () => {
  await write(about('late', 'edit', 0, { new_content: 'early bird' }));
  await foldAll();
  await write(about('late', 'message', 1));
  await foldAll();
  expect(await view('late')).toMatchObject({ content: 'early bird', isEdited: true });
});

test('a receipt without a chat, and so in another partition, is folded all the same', async () => {
  await write(about('m', 'message', 0), about('m', 'delivered', 1));
  await write(about('m', 'read', 5, {}, 3, null));
  await foldAll();
  expect(await view('m')).toMatchObject({ read: [{ by: 'ann' }], delivered: [{ by: 'ann' }] });
  const { rows } = await pool.query('select chat, first_at, last_at from conversations');
  expect(rows).toEqual([{ chat: 'c', first_at: new Date(START_MS), last_at: new Date(START_MS + 1_000) }]);
});

test('while the store is far behind, the fold has a turn now and then; after it, all is folded', async () => {
  await write(about('m', 'message', 0), about('m', 'read', 1));
  await write(about('m', 'edit', 0, { new_content: 'from elsewhere' }, 1));
  let isStoreBehind = true;
  let folded = 0;
  const one = new Folding({
    ...{ pool, logger: SILENT, backoff: { initialMs: 1, maxMs: 5 }, report: () => undefined },
    onFolded: (references) => {
      folded += references;
    },
    isStoreBehind: () => isStoreBehind,
  });
  await one.wakeAll();
  await one.idle();
  expect(folded).toBe(1);
  await one.wakeAll();
  await one.idle();
  expect(folded).toBe(1);
  isStoreBehind = false;
  await one.wakeAll();
  await one.idle();
  expect(folded).toBe(2);
});

test('rows that appear below what is folded are folded too', async () => {
  await write(about('m', 'message', 0));
  await write(about('m', 'read', 5));
  await foldAll();
  await write(about('m', 'edit', 2, { new_content: 'found again' }));
  await foldAll();
  expect(await view('m')).toMatchObject({ content: 'found again', read: [{ by: 'ann' }] });
});

test('a row that is stored below while the fold runs is not passed over', async () => {
  await write(about('m', 'message', 0));
  await write(about('m', 'read', 5));
  await using blocker = await lockedTable(pool, 'message_state');
  const fold = foldSome(pool, { incarnation, partition: 0 }, ALIVE);
  await blocker.waiting(1);
  const storing = write(about('m', 'edit', 2, { new_content: 'meanwhile' }));
  await blocker.waiting(2);
  await blocker.release();
  await Promise.all([fold, storing]);
  await foldAll();
  expect(await view('m')).toMatchObject({ content: 'meanwhile' });
});

test('several processes that fold everything at once, again and again, agree with one that does it once', async () => {
  const kinds: readonly EventKind[] = ['edit', 'reaction', 'read', 'delivered', 'delete'];
  for (const partition of [0, 1, 2]) {
    const candidates = Array.from({ length: 60 }, (_, n) => {
      const content = `${partition}-${n}`;
      return about(
        `m${n % 7}`,
        kinds[(n * 3 + partition) % 5] ?? 'read',
        n,
        { new_content: content, reaction: content },
        partition,
      );
    });
    await write(...candidates);
  }
  await foldAll();
  const states = async () =>
    (await pool.query('select message_id, state::text from message_state order by 1')).rows as object[];
  const once = await states();
  expect(once).toHaveLength(7);
  await pool.query('truncate message_state');
  for (let round = 0; round < 3; round += 1) {
    await pool.query('update fold_positions set next_offset = $1', [round * 11]);
    const many = [folding(), folding(), folding()];
    await Promise.all(many.map((one) => one.wakeAll()));
    await Promise.all(many.map((one) => one.idle()));
    if (round === 0) expect(await states()).toEqual(once);
  }
  expect(await states()).toEqual(once);
});

test('a fold that was given up leaves nothing, and the next one goes on there', async () => {
  await write(about('m', 'message', 0), about('m', 'read', 1));
  await using blocker = await lockedTable(pool, 'message_state');
  const gone = new AbortController();
  const fold = foldSome(pool, { incarnation, partition: 0 }, gone.signal);
  await blocker.waiting(1);
  gone.abort();
  await expect(fold).rejects.toThrow();
  await blocker.release();
  expect(await view('m')).toBeUndefined();
  await foldAll();
  expect(await view('m')).toMatchObject({ read: [{ by: 'ann' }] });
});

test('a state that retention deletes while it is about to be folded into is begun again, and no reference is lost', async () => {
  await write(about('m', 'edit', 0, { new_content: 'old' }));
  await foldAll();
  await write(about('m', 'edit', 1, { new_content: 'new' }));
  const other = new pg.Pool({ ...pool.options });
  // Between the statement that begins states and the one that locks them.
  let deletes = 0;
  other.on('connect', (client) => {
    const query = client.query.bind(client) as (...all: readonly unknown[]) => unknown;
    client.query = ((config: { readonly name?: string }, ...rest: readonly unknown[]) => {
      if (config.name !== 'pmc-fold-states') return query(config, ...rest);
      deletes += 1;
      return pool.query('delete from message_state').then(() => query(config, ...rest));
    }) as typeof client.query;
  });
  try {
    const vanished = expect.objectContaining({ code: 'PMC_PERSISTENCE_ROW_VANISHED' });
    await expect(foldSome(other, { incarnation, partition: 0 }, ALIVE)).rejects.toEqual(vanished);
  } finally {
    await other.end();
  }
  expect(deletes).toBe(1);
  await foldAll();
  expect(await view('m')).toMatchObject({ content: 'new' });
});
