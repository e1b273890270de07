// When to come back after a connection has ended, and when not to. Pure.
import { CLOSE } from '../../schemas/protocol/codes.ts';

export type AfterClose =
  | { readonly do: 'come-back'; readonly afterMs: number }
  /** Coming back would not help. */
  | { readonly do: 'give-up'; readonly isUnauthorised: boolean };

const INITIAL_MS = 500;
const MAX_MS = 30_000;
/** As if we had tried this often. */
const REPLACED_ATTEMPT = 7;
const TERMINAL = { from: 4_500, to: 4_999 } as const;
/** What we send is not wanted there, however often: kind of data, policy, size, extension. */
const STANDARD_TERMINAL: ReadonlySet<number> = new Set([1_003, 1_008, 1_009, 1_010]);
const UNAUTHORISED: ReadonlySet<number> = new Set([CLOSE.unauthorized.code, CLOSE.forbidden.code]);

export interface Ending {
  readonly code: number;
  /** Connections since the last one that has achieved something; 1 for the first. */
  readonly attempt: number;
  /** What a drain has asked for. */
  readonly reconnectMs: number | undefined;
  /** In [0, 1). */
  readonly random: number;
}

export function afterClose({ code, attempt, reconnectMs, random }: Ending): AfterClose {
  const isTerminal = (code >= TERMINAL.from && code <= TERMINAL.to) || STANDARD_TERMINAL.has(code);
  if (isTerminal) return { do: 'give-up', isUnauthorised: UNAUTHORISED.has(code) };
  // Somebody else speaks for this stream: two that take the place from each other would never end.
  if (code === CLOSE.replaced.code) return { do: 'come-back', afterMs: backoffMs(REPLACED_ATTEMPT, random) };
  if (reconnectMs !== undefined) return { do: 'come-back', afterMs: reconnectMs + backoffMs(1, random) };
  return { do: 'come-back', afterMs: backoffMs(attempt, random) };
}

/** The pause before a repeat (1 is the first): doubles up to half a minute. Half of it is fixed, half is spread by `random` in [0, 1). */
export function backoffMs(attempt: number, random: number): number {
  const pauseMs = Math.min(MAX_MS, INITIAL_MS * 2 ** Math.min(Math.max(attempt, 1) - 1, 30));
  return Math.round(pauseMs * (0.5 + random / 2));
}
