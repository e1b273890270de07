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
  /** Of a delete: everybody else still has the message. Left out where it is not so, and in states from before it was known. */
  readonly isForActorOnly?: true;
}

export interface MessageState {
  /** Edits, deletes and reactions by event key: all of them, as long as each sort keeps CHANGES_MAX and CHARS_MAX. */
  readonly changes: Readonly<Record<string, Omit<Reference, 'key'>>>;
  /** The earliest time of receipt, in milliseconds, by person; at most PEOPLE_MAX and CHARS_MAX each. */
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
  /** Who removed it for themselves only, and when first. */
  readonly deletedFor: readonly { readonly by: string | null; readonly atMs: number }[];
  /** The latest reaction of each person; who took theirs back is not here. */
  readonly reactions: readonly { readonly by: string | null; readonly reaction: string; readonly atMs: number }[];
  readonly delivered: readonly { readonly by: string; readonly atMs: number }[];
  readonly read: readonly { readonly by: string; readonly atMs: number }[];
  readonly isCut: boolean;
}

/** Of each sort of change: edits, reactions, deletes, and deletes for their actor only. */
export const CHANGES_MAX = 1_000;
export const PEOPLE_MAX = 2_000;
/**
 * Of each sort of change, and of each sort of receipt: characters of JSON that people wrote, their names included. What goes beyond it is
 * the last that is kept.
 */
export const CHARS_MAX = 65_536;

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
  const kept = [keptChanges(changes), earliest(delivered), earliest(read)] as const;
  const isOver = [changes, delivered, read].some(({ size }, index) => size > (kept[index]?.length ?? 0));
  return {
    changes: Object.fromEntries(kept[0]),
    delivered: Object.fromEntries(kept[1]),
    read: Object.fromEntries(kept[2]),
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
  const first = inOrder.find((change) => sortOf(change) === 'delete');
  const deletedFor = new Map<string | null, MessageView['deletedFor'][number]>();
  for (const change of inOrder) {
    const { actor, receivedAtMs } = change;
    if (sortOf(change) !== 'own-delete' || deletedFor.has(actor)) continue;
    deletedFor.set(actor, { by: actor, atMs: receivedAtMs });
  }
  const reactions = new Map<string | null, MessageView['reactions'][number]>();
  for (const { kind, actor, content, receivedAtMs } of inOrder) {
    if (kind !== 'reaction') continue;
    reactions.delete(actor);
    if (content !== null && content !== '') reactions.set(actor, { by: actor, reaction: content, atMs: receivedAtMs });
  }
  // An edit whose text is missing, or is no text, takes nothing away.
  const newestText = edits.findLast(({ content }) => content !== null)?.content ?? original;
  return {
    content: first === undefined ? newestText : null,
    isEdited: edits.length > 0,
    edits,
    deleted: first === undefined ? null : { by: first.actor, atMs: first.receivedAtMs },
    deletedFor: [...deletedFor.values()],
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
    const partition = partitionOf(change);
    const atMs = Math.max(latest.get(partition) ?? change.receivedAtMs, change.receivedAtMs);
    latest.set(partition, atMs);
    return { key, change, atMs };
  });
  return timed.sort((a, b) => a.atMs - b.atMs || comparePlaces(a.change, b.change)).map(({ change }) => change);
}

function partitionOf({ incarnation, partition }: Place): string {
  return `${incarnation}/${partition}`;
}

function comparePlaces(a: Place, b: Place): number {
  if (a.incarnation !== b.incarnation) return a.incarnation < b.incarnation ? -1 : 1;
  return a.partition - b.partition || a.offset - b.offset;
}

type Entry = readonly [key: string, change: Change];
type Sort = 'edit' | 'reaction' | 'delete' | 'own-delete';

function sortOf({ kind, isForActorOnly }: Change): Sort {
  if (kind === 'delete') return isForActorOnly === true ? 'own-delete' : 'delete';
  return kind === 'edit' ? 'edit' : 'reaction';
}

/**
 * Each sort has room of its own: long edits must not bring back what was deleted. Of edits and reactions the newest stay, of deletes the
 * first; and the last edit with a text of each partition, which counts however far its communicator's clock was set back.
 */
function keptChanges(changes: ReadonlyMap<string, Change>): readonly Entry[] {
  const sorts = Map.groupBy(changes, ([, change]) => sortOf(change));
  const kept = [...sorts].flatMap(([sort, entries]): readonly Entry[] => {
    const sign = sort === 'delete' || sort === 'own-delete' ? 1 : -1;
    entries.sort(([one, a], [other, b]) => sign * (a.receivedAtMs - b.receivedAtMs) || (one < other ? -1 : 1));
    const within = withinLimits(entries, CHANGES_MAX, ([, { actor, content }]) => charsOf(actor) + charsOf(content));
    return sort === 'edit' && within.length < entries.length ? [...within, ...lastTextOfPartitions(entries)] : within;
  });
  // Some are in it twice.
  return [...new Map(kept)].sort(([one], [other]) => (one < other ? -1 : 1));
}

function lastTextOfPartitions(entries: readonly Entry[]): readonly Entry[] {
  const byPlace = entries.filter(([, { content }]) => content !== null).sort(([, a], [, b]) => comparePlaces(a, b));
  return [...new Map(byPlace.map((entry) => [partitionOf(entry[1]), entry])).values()];
}

function earliest(times: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  const entries = [...times].sort(([one, a], [other, b]) => a - b || (one < other ? -1 : 1));
  return withinLimits(entries, PEOPLE_MAX, ([by]) => charsOf(by));
}

function charsOf(text: string | null): number {
  return JSON.stringify(text).length;
}

/**
 * The beginning of what is ordered, up to and with the one that goes beyond a limit. So what was kept fills the limit by itself whenever
 * something was left out, and what was left out stays behind it whatever else comes: only the set of all that was seen decides.
 */
function withinLimits<T>(entries: readonly T[], countMax: number, sizeOf: (entry: T) => number): readonly T[] {
  let chars = 0;
  const end = entries.findIndex((entry, index) => {
    if (index >= countMax || chars >= CHARS_MAX) return true;
    chars += sizeOf(entry);
    return false;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

function people(times: Readonly<Record<string, number>>): MessageView['read'] {
  return Object.entries(times)
    .map(([by, atMs]) => ({ by, atMs }))
    .sort((a, b) => a.atMs - b.atMs || (a.by < b.by ? -1 : 1));
}
