// One receiver that is attached to the outgoing topic: where it is in it, how many more it takes, and whether it takes one now.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Follower } from './catch-up.ts';
import type { Cursor } from './cursor.ts';
import type { Receiver } from './receiver.ts';

export interface AttachedOptions {
  readonly receiver: Receiver;
  readonly source: string;
  readonly cursor: Cursor;
  /** Its position is kept here, whether or not it keeps one itself. */
  readonly isSaved: boolean;
  /** It says how many more it takes. */
  readonly givesCredit: boolean;
}

export class Attached implements Follower {
  readonly receiver: Receiver;
  readonly source: string;
  readonly cursor: Cursor;
  readonly isSaved: boolean;
  readonly #givesCredit: boolean;
  #credit: number;
  hasBegun = false;
  /** Its socket has one that it has not taken yet. */
  isTaking = false;
  /** A dispatch of its own went by since it was offered one. */
  hasMissed = false;
  #isGone = false;
  /** There once somebody reads for it: most are never behind, and each would take half a kilobyte. */
  #leaving: AbortController | undefined;

  constructor({ receiver, source, cursor, isSaved, givesCredit }: AttachedOptions) {
    this.receiver = receiver;
    this.source = source;
    this.cursor = cursor;
    this.isSaved = isSaved;
    this.#givesCredit = givesCredit;
    this.#credit = givesCredit ? PROTOCOL_LIMITS.credit : Number.POSITIVE_INFINITY;
  }

  get hasOwnReader(): boolean {
    return this.isSaved;
  }

  get canTake(): boolean {
    return this.hasBegun && !this.isTaking && this.#credit > 0 && !this.#isGone && this.receiver.canTake;
  }

  get signal(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.#isGone) this.#leaving.abort();
    return this.#leaving.signal;
  }

  leave(): void {
    this.#isGone = true;
    this.#leaving?.abort();
  }

  /** Whether it had any to give back. */
  giveBack(more: number): boolean {
    const isOwed = this.#credit < PROTOCOL_LIMITS.credit;
    if (this.#givesCredit) this.#credit = Math.min(this.#credit + more, PROTOCOL_LIMITS.credit);
    return isOwed;
  }

  took(): void {
    this.#credit -= 1;
  }
}
