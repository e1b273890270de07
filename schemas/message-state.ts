// Pure: what became of a message. Its state is a set of changes (edits, deletes, reactions) and for each person when it was delivered
// and read. Folding is the union of sets and the earlier of two times, so the order in which changes come, and how often, makes no
// difference: a replay, two instances and a change that comes before its message all end in the same state. In which order
// changes count is decided when a state is looked at: within a partition by offset, between partitions by time of receipt.
import type { EventKind } from './generated.ts';

export interface Place {
  readonly incarnation: string;
  readonly partition: number;
  readonly offset: number;
}

/** A row that refers to a message. */
export interface Reference extends Place {
  /** The event key. */
  readonly key: string;
  readonly kind: EventKind;
  readonly actor: string | null;
  readonly content: string | null;
  /** Milliseconds since the Unix epoch, the communicator's clock. */
  readonly receivedAtMs: number;
}

export interface MessageState {
  /** Edits, deletes and reactions by event key: all of them, as long as there are no more than CHANGES_MAX. */
  readonly changes: Readonly<Record<string, Omit<Reference, 'key'>>>;
  /** The earliest time of receipt, in milliseconds, by person; at most PEOPLE_MAX each. */
  readonly delivered: Readonly<Record<string, number>>;
  readonly read: Readonly<Record<string, number>>;
  /** Whether a limit left something out; the rows have it. */
  readonly isCut: boolean;
}

export interface Edit {
  readonly content: string | null;
  readonly by: string | null;
  readonly atMs: number;
}

/** What a reader is shown. */
export interface MessageView {
  /** The newest text; null when deleted, or when nobody edited it and the message itself is not here. */
  readonly content: string | null;
  readonly isEdited: boolean;
  /** Oldest first, the original not among them. */
  readonly edits: readonly Edit[];
  readonly deleted: { readonly by: string | null; readonly atMs: number } | null;
  /** The latest reaction of each person; who took theirs back is not here. */
  readonly reactions: readonly { readonly by: string | null; readonly reaction: string; readonly atMs: number }[];
  readonly delivered: readonly { readonly by: string; readonly atMs: number }[];
  readonly read: readonly { readonly by: string; readonly atMs: number }[];
  readonly isCut: boolean;
}

export const CHANGES_MAX = 1_000;
export const PEOPLE_MAX = 2_000;

export const NOTHING_HAPPENED: MessageState = { changes: {}, delivered: {}, read: {}, isCut: false };

/** Adds references of one message to its state. Kinds that refer to nothing change nothing. */
export function fold(state: MessageState, references: readonly Reference[]): MessageState {
  const changes = new Map(Object.entries(state.changes));
  const delivered = new Map(Object.entries(state.delivered));
  const read = new Map(Object.entries(state.read));
  for (const { key, ...reference } of references) {
    const { kind, actor, receivedAtMs } = reference;
    if (kind === 'edit' || kind === 'delete' || kind === 'reaction') changes.set(key, reference);
    else if (kind === 'delivered' || kind === 'read') {
      const of = kind === 'read' ? read : delivered;
      const by = actor ?? '';
      of.set(by, Math.min(of.get(by) ?? receivedAtMs, receivedAtMs));
    }
  }
  const isOver = changes.size > CHANGES_MAX || delivered.size > PEOPLE_MAX || read.size > PEOPLE_MAX;
  return {
    changes: newest(changes),
    delivered: earliest(delivered),
    read: earliest(read),
    isCut: state.isCut || isOver,
  };
}

/** `original` is the message's own text, where it is here. */
export function viewOf(state: MessageState, original: string | null): MessageView {
  const inOrder = ordered(Object.entries(state.changes));
  const edits = inOrder
    .filter(({ kind }) => kind === 'edit')
    .map(({ content, actor, receivedAtMs }): Edit => ({ content, by: actor, atMs: receivedAtMs }));
  // A delete is for ever: an edit that comes late does not bring a message back.
  const first = inOrder.find(({ kind }) => kind === 'delete');
  const reactions = new Map<string | null, MessageView['reactions'][number]>();
  for (const { kind, actor, content, receivedAtMs } of inOrder) {
    if (kind !== 'reaction') continue;
    reactions.delete(actor);
    if (content !== null && content !== '') reactions.set(actor, { by: actor, reaction: content, atMs: receivedAtMs });
  }
  const newestText = edits.at(-1)?.content ?? original;
  return {
    content: first === undefined ? newestText : null,
    isEdited: edits.length > 0,
    edits,
    deleted: first === undefined ? null : { by: first.actor, atMs: first.receivedAtMs },
    reactions: [...reactions.values()],
    delivered: people(state.delivered),
    read: people(state.read),
    isCut: state.isCut,
  };
}

type Change = MessageState['changes'][string];

/**
 * A total order of any set of changes: each counts as received no earlier than those before it in its partition, so that a
 * communicator whose clock was set back does not turn the order of one partition around.
 */
function ordered(changes: readonly (readonly [string, Change])[]): readonly Change[] {
  const byPlace = changes.toSorted(([, a], [, b]) => comparePlaces(a, b));
  const latest = new Map<string, number>();
  const timed = byPlace.map(([key, change]) => {
    const partition = `${change.incarnation}/${change.partition}`;
    const atMs = Math.max(latest.get(partition) ?? change.receivedAtMs, change.receivedAtMs);
    latest.set(partition, atMs);
    return { key, change, atMs };
  });
  return timed.sort((a, b) => a.atMs - b.atMs || comparePlaces(a.change, b.change)).map(({ change }) => change);
}

function comparePlaces(a: Place, b: Place): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
}

/** By a fixed order, so that what is left out does not hang on what came first. */
function newest(changes: ReadonlyMap<string, Change>): Readonly<Record<string, Change>> {
  const entries = [...changes].sort(
    ([one, a], [other, b]) => b.receivedAtMs - a.receivedAtMs || (one < other ? -1 : 1),
  );
  return Object.fromEntries(entries.slice(0, CHANGES_MAX).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function earliest(times: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const entries = [...times].sort(([one, a], [other, b]) => a - b || (one < other ? -1 : 1));
  return Object.fromEntries(entries.slice(0, PEOPLE_MAX));
}

function people(times: Readonly<Record<string, number>>): MessageView['read'] {
  return Object.entries(times)
    .map(([by, atMs]) => ({ by, atMs }))
    .sort((a, b) => a.atMs - b.atMs || (a.by < b.by ? -1 : 1));
}
