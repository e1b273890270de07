// How fast one peer may send: events, what passes (typing and presence, the first to be left out), events that it had sent before,
// what it says that it has handled and other control frames, each by a bucket of its own; and when a peer that is told to slow down has
// not listened for too long.
// What all peers together may send is asked last: where it refuses, the peer has lost nothing of its own and done nothing wrong. Pure.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { TokenBucket } from './token-bucket.ts';

export interface Rate {
  readonly ratePerSecond: number;
  readonly burst: number;
  /** What all peers together may send, of events. */
  readonly common?: TokenBucket | undefined;
}

export interface Refusing {
  readonly waitMs: number;
  /** The peer keeps to its own rate; all of them together send too much. */
  readonly isCommon: boolean;
}

export type Paced = 'event' | 'passing' | 'again' | 'handled' | 'control';

const ABUSE_MS = 60_000;
const CALM_MS = 5_000;
/** So that not all who were refused by the common rate come again at one moment. */
const COMMON_JITTER_MS = 1_000;
/** What may come at once whatever the burst of events is. */
const BURST_MIN: Readonly<Record<Paced, number>> = {
  event: 0,
  passing: 0,
  // A connection that breaks may have all of its window acknowledged and not heard.
  again: 2 * PROTOCOL_LIMITS.window,
  // As many as one frame may name.
  handled: 1_000,
  // Who has lost its events says so of one gap after the other.
  control: 2 * PROTOCOL_LIMITS.window,
};

export class PeerRate {
  readonly #rate: Rate | undefined;
  /** Each is made when it is asked first, and is full then: most connections ask for few. */
  readonly #buckets: Partial<Record<Paced, TokenBucket>> = {};
  readonly #random: () => number;
  /** What an event costs over time, 0 without a rate. */
  readonly perEventMs: number = 0;
  #overSinceMs: number | undefined;
  #lastOverMs = 0;

  /** Undefined: no rate. */
  constructor(rate: Rate | undefined, random: () => number) {
    this.#random = random;
    this.#rate = rate;
    if (rate !== undefined) this.perEventMs = 1_000 / rate.ratePerSecond;
  }

  /** Undefined where it may pass. */
  wait(what: Paced, nowMs: number): Refusing | undefined {
    if (this.#rate === undefined) return undefined;
    const { ratePerSecond, burst, common } = this.#rate;
    this.#buckets[what] ??= new TokenBucket({ ratePerSecond, burst: Math.max(burst, BURST_MIN[what]), nowMs });
    const own = this.#buckets[what];
    const waitMs = own.take(nowMs);
    if (waitMs > 0) return { waitMs, isCommon: false };
    const commonMs = what === 'event' ? (common?.take(nowMs) ?? 0) : 0;
    if (commonMs === 0) return undefined;
    own.giveBack();
    return { waitMs: commonMs + Math.floor(this.#random() * COMMON_JITTER_MS), isCommon: true };
  }

  /** It sent more than it alone may. */
  over(nowMs: number): void {
    if (this.#rate === undefined) return;
    if (nowMs - this.#lastOverMs > CALM_MS) this.#overSinceMs = undefined;
    this.#overSinceMs ??= nowMs;
    this.#lastOverMs = nowMs;
  }

  /** Over the rate for a minute, without a pause of a few seconds. */
  isAbused(nowMs: number): boolean {
    if (this.#overSinceMs === undefined || nowMs - this.#lastOverMs > CALM_MS) return false;
    return nowMs - this.#overSinceMs > ABUSE_MS;
  }
}
