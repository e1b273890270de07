import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CHANGES_MAX,
  CHARS_MAX,
  fold,
  type MessageState,
  NOTHING_HAPPENED,
  PEOPLE_MAX,
  type Reference,
  viewOf,
} from './message-state.ts';

let keys = 0;
function reference(kind: Reference['kind'], overrides: Partial<Reference> = {}): Reference {
  keys += 1;
  const place = { incarnation: 'i', partition: 0, offset: keys };
  return { key: `key-${keys}`, kind, actor: 'ann', content: null, receivedAtMs: keys, ...place, ...overrides };
}

const folded = (...references: readonly Reference[]): MessageState => fold(NOTHING_HAPPENED, references);
const viewed = (...references: readonly Reference[]) => viewOf(folded(...references), 'original');

test('nothing happened: the original', () => {
  expect(viewed()).toEqual({
    ...{ content: 'original', isEdited: false, edits: [], deleted: null, reactions: [], delivered: [], read: [] },
    ...{ deletedFor: [], isCut: false },
  });
});

test('the newest edit is shown, and every edit is kept', () => {
  const view = viewed(reference('edit', { content: 'one' }), reference('edit', { content: 'two' }));
  expect([view.content, view.isEdited, view.edits.map(({ content }) => content)]).toEqual([
    'two',
    true,
    ['one', 'two'],
  ]);
});

test('within a partition the offset decides, also when a clock was set back', () => {
  const early = reference('edit', { content: 'first', offset: 10, receivedAtMs: 500 });
  const late = reference('edit', { content: 'second', offset: 11, receivedAtMs: 100 });
  expect(viewed(late, early).content).toBe('second');
});

test('between partitions the time of receipt decides', () => {
  const early = reference('edit', { content: 'first', partition: 5, offset: 900, receivedAtMs: 100 });
  const late = reference('edit', { content: 'second', partition: 1, offset: 2, receivedAtMs: 101 });
  expect(viewed(late, early).content).toBe('second');
});

test('an edit without text changes nothing that is shown, and is in the history', () => {
  const text = reference('edit', { content: 'one' });
  const empty = reference('edit', { content: null });
  const view = viewed(text, empty);
  expect([view.content, view.edits.map(({ content }) => content)]).toEqual(['one', ['one', null]]);
  expect(viewed(empty).content).toBe('original');
  expect(viewed(reference('edit', { content: '' })).content).toBe('');
});

test('edits without text do not push out the newest text', () => {
  const text = reference('edit', { content: 'text', receivedAtMs: 1 });
  const empty = Array.from({ length: CHANGES_MAX + 5 }, (_, n) =>
    reference('edit', { content: null, receivedAtMs: 1_000 + n }),
  );
  expect(viewed(text, ...empty)).toMatchObject({ content: 'text', isCut: true });
});

test('a delete stays, whatever is edited afterwards, and the history with it', () => {
  const view = viewed(reference('delete', { actor: 'bob' }), reference('edit', { content: 'late' }));
  expect(view).toMatchObject({ content: null, deleted: { by: 'bob' }, edits: [{ content: 'late' }] });
});

test('who removes a message for themselves takes it from nobody else', () => {
  const own = { kind: 'delete', isForActorOnly: true } as const;
  const view = viewed(
    reference('delete', { ...own, actor: 'ann', receivedAtMs: 5 }),
    reference('delete', { ...own, actor: 'ann', receivedAtMs: 6 }),
    reference('delete', { ...own, actor: 'bob', receivedAtMs: 7 }),
  );
  const deletedFor = [
    { by: 'ann', atMs: 5 },
    { by: 'bob', atMs: 7 },
  ];
  expect(view).toMatchObject({ content: 'original', deleted: null, deletedFor });
  const gone = viewed(reference('delete', own), reference('delete', { actor: 'cy', receivedAtMs: 9 }));
  expect(gone).toMatchObject({ content: null, deleted: { by: 'cy', atMs: 9 }, deletedFor: [{ by: 'ann' }] });
});

test('a person has one reaction, the latest; an empty one takes it back', () => {
  const view = viewed(
    reference('reaction', { actor: 'ann', content: 'a' }),
    reference('reaction', { actor: 'ann', content: 'b' }),
    reference('reaction', { actor: 'bob', content: 'c' }),
    reference('reaction', { actor: 'bob', content: '' }),
  );
  expect(view.reactions).toMatchObject([{ by: 'ann', reaction: 'b' }]);
});

test('of receipts the earliest counts', () => {
  const view = viewed(
    reference('read', { receivedAtMs: 9 }),
    reference('read', { receivedAtMs: 5 }),
    reference('delivered', { actor: null, receivedAtMs: 4 }),
  );
  expect([view.read, view.delivered]).toEqual([[{ by: 'ann', atMs: 5 }], [{ by: '', atMs: 4 }]]);
});

test('names of people that are names of objects are names', () => {
  const view = viewed(reference('read', { actor: '__proto__', receivedAtMs: 1 }), reference('read', { actor: '7' }));
  expect(view.read.map(({ by }) => by)).toEqual(['__proto__', '7']);
});

test('above its limits a state keeps the newest changes and the earliest receipts, and says so', () => {
  const edits = Array.from({ length: CHANGES_MAX + 5 }, (_, n) =>
    reference('edit', { receivedAtMs: n, content: `${n}` }),
  );
  const reads = Array.from({ length: PEOPLE_MAX + 5 }, (_, n) =>
    reference('read', { receivedAtMs: n, actor: `p${n}` }),
  );
  const view = viewed(...edits, ...reads);
  expect([view.edits.length, view.edits[0]?.content, view.read.length, view.isCut]).toEqual([
    CHANGES_MAX,
    '5',
    PEOPLE_MAX,
    true,
  ]);
  expect(viewed(reference('edit')).isCut).toBe(false);
});

/** As much as a column holds. */
const LONG = 'x'.repeat(16_384);

test('a state has a size that no number of long edits or long names exceeds, and keeps the newest text', () => {
  const edits = Array.from({ length: CHANGES_MAX }, (_, n) => reference('edit', { content: `${n}${LONG}` }));
  const reads = Array.from({ length: PEOPLE_MAX }, (_, n) => reference('read', { actor: `${n}`.padEnd(512, 'é') }));
  const state = folded(...edits, ...reads);
  expect(JSON.stringify(state).length).toBeLessThan(3 * CHARS_MAX);
  expect(state.isCut).toBe(true);
  expect(viewOf(state, 'o').content?.startsWith(`${CHANGES_MAX - 1}x`)).toBe(true);
});

test('a state that was stored larger is cut when something is folded into it', () => {
  const edits = Array.from({ length: 100 }, () => reference('edit', { content: LONG }));
  const changes = Object.fromEntries(edits.map(({ key, ...change }) => [key, change]));
  const state = fold({ ...NOTHING_HAPPENED, changes }, [reference('read')]);
  expect([Object.keys(state.changes).length, state.isCut]).toEqual([4, true]);
});

test('long edits push out neither a delete nor a reaction, nor the last edit of a clock that was set back', () => {
  const late = Array.from({ length: 20 }, (_, n) => reference('edit', { content: LONG, receivedAtMs: 1_000_000 + n }));
  const [gone, clap] = [reference('delete'), reference('reaction', { content: 'clap' })];
  expect(viewed(gone, clap, ...late)).toMatchObject({ content: null, reactions: [{ reaction: 'clap' }], isCut: true });
  const last = reference('edit', { content: 'last', receivedAtMs: 1 });
  expect(viewed(...late, last).content).toBe('last');
});

test('many who remove a message for themselves do not push out who removes it for everybody', () => {
  const own = Array.from({ length: CHANGES_MAX }, (_, n) =>
    reference('delete', { isForActorOnly: true, actor: `p${n}` }),
  );
  expect(viewed(...own, reference('delete', { actor: 'bob' })).deleted?.by).toBe('bob');
});

const references = fc.array(
  fc.record({
    key: fc.constantFrom(...Array.from({ length: 20 }, (_, n) => `key-${n}`)),
    kind: fc.constantFrom('edit', 'delete', 'reaction', 'read', 'delivered', 'typing'),
    actor: fc.constantFrom('ann', 'bob', null, `c${LONG}`, `d${LONG.repeat(3)}`),
    content: fc.constantFrom('x', 'y', '', null, LONG, LONG.repeat(2)),
    incarnation: fc.constantFrom('i', 'j'),
    partition: fc.integer({ min: 0, max: 2 }),
    offset: fc.integer({ min: 0, max: 30 }),
    receivedAtMs: fc.integer({ min: 0, max: 20 }),
    isForActorOnly: fc.boolean(),
  }),
  { maxLength: 40 },
);

function asReference({ isForActorOnly, ...rest }: Omit<Reference, 'isForActorOnly'> & { isForActorOnly: boolean }) {
  return { ...rest, ...(isForActorOnly && rest.kind === 'delete' && { isForActorOnly }) } as Reference;
}

test('order, repetition and how the references are cut into batches make no difference', () => {
  fc.assert(
    fc.property(references, fc.infiniteStream(fc.nat()), (all, numbers) => {
      // One key is one row.
      const rows = [...new Map(all.map((one) => [one.key, one])).values()].map(asReference);
      const next = (below: number): number => Number(numbers.next().value) % below;
      const shuffled = [...rows, ...rows.filter(() => next(2) === 0)].sort(() => next(3) - 1);
      let state = NOTHING_HAPPENED;
      for (let from = 0; from < shuffled.length; ) {
        const size = 1 + next(4);
        state = fold(state, shuffled.slice(from, from + size));
        from += size;
      }
      const once = folded(...rows);
      expect(JSON.parse(JSON.stringify(state))).toEqual(once);
      expect(viewOf(state, 'o')).toEqual(viewOf(once, 'o'));
    }),
  );
});
