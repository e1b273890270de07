// What a client keeps across restarts, as entries of text in a store: the counter of its stream, events that nobody has
// acknowledged, the position to resume from, dispatches that are not finished, and reply ids to know again. Pure.
import type { Position } from '../../schemas/protocol/frames.ts';
import { PmcError } from '../../service/errors.ts';
import type { Entries } from './store.ts';

export interface Counter {
  readonly stream: string;
  readonly epoch: string;
  /** The last number given out. */
  readonly last: number;
}

export interface KeptPosition {
  readonly log_epoch: string;
  readonly pos: Position;
}

export interface KeptDispatch {
  readonly number: number;
  /** The reply id; a dispatch without one is not acknowledged. */
  readonly id: string | undefined;
  readonly event: Readonly<Record<string, unknown>>;
  readonly isHandled: boolean;
}

export interface Kept {
  readonly counter: Counter | undefined;
  /** In order and without holes, up to the counter's last. */
  readonly events: readonly { readonly seq: number; readonly text: string }[];
  readonly position: KeptPosition | undefined;
  readonly dispatches: readonly KeptDispatch[];
  /** Oldest first, each with the number it was received under. */
  readonly seen: readonly (readonly [number: number, id: string])[];
}

const DIGITS = 16;
const padded = (number: number): string => String(number).padStart(DIGITS, '0');

export const KEY = {
  counter: 'counter',
  position: 'position',
  event: (seq: number) => `event/${padded(seq)}`,
  dispatch: (number: number) => `dispatch/${padded(number)}`,
  seen: (slot: number) => `seen/${padded(slot)}`,
} as const;

export function readKept(entries: Entries): Kept {
  const of = (prefix: string): readonly [number, string][] =>
    [...entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, text]): [number, string] => [Number(key.slice(prefix.length)), text])
      .sort(([a], [b]) => a - b);
  const counter = optional<Counter>(entries, KEY.counter);
  const events = of('event/').map(([seq, text]) => ({ seq, text }));
  const first = (counter?.last ?? 0) - events.length + 1;
  if (events.some(({ seq }, index) => seq !== first + index)) throw damaged('events', 'their numbers have holes');
  return {
    counter,
    events,
    position: optional<KeptPosition>(entries, KEY.position),
    dispatches: of('dispatch/').map(([number, text]) => {
      const { id, event, isHandled } = parsed<Omit<KeptDispatch, 'number'>>('dispatch', text);
      return { number, id, event, isHandled };
    }),
    seen: of('seen/')
      .map(([, text]) => parsed<readonly [number, string]>('seen', text))
      .sort(([a], [b]) => a - b),
  };
}

function optional<T>(entries: Entries, key: string): T | undefined {
  const text = entries.get(key);
  return text === undefined ? undefined : parsed<T>(key, text);
}

/** A store gives back what was put there, or it is broken: only that is looked for. */
function parsed<T>(what: string, text: string): T {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // Said below.
  }
  throw damaged(what, 'they are no JSON');
}

function damaged(what: string, why: string): PmcError {
  return new PmcError('PMC_CLIENT_STORE_FAILED', `the store's ${what} cannot be used: ${why}`, { what });
}
