// What the source means to do with one frame: the frame itself, whether it goes out and when, whether it can be asked for
// again, and what must become of it. Pure. An event without faults is one delivery, at once.
import type { Frame } from './frame-writer.ts';
import type { Expectation } from './verdict/ledger-line.ts';

/** A frame as bytes or text, and what is known about its content. */
export interface Draft extends Omit<Frame, 'text'> {
  readonly data: string | Buffer;
  readonly binary: boolean;
}

/** When it goes out: after a time, or once so many later frames have overtaken it (but not later than a time). */
export type Release = { readonly afterMs: number } | { readonly behindFrames: number; readonly atMostMs: number };

export interface Delivery extends Draft {
  /** In a numbered stream: the event's own number, one more, or none because the frame has no place for it. */
  readonly numbering: 'own' | 'new' | 'none';
  readonly release: Release;
  readonly isSent: boolean;
  /** Kept for whoever asks again, until it is acknowledged. A source that does not count can keep nothing. */
  readonly isRetained: boolean;
  readonly expect: Expectation;
}

export const AT_ONCE: Release = { afterMs: 0 };

export function ordinary(draft: Draft): Delivery {
  return { ...draft, numbering: 'own', release: AT_ONCE, isSent: true, isRetained: true, expect: 'stored' };
}

/** One more event of the same source, with a number of its own. */
export function another(draft: Draft, release: Release = AT_ONCE): Delivery {
  return { ...ordinary(draft), numbering: 'new', release };
}

/** What a fault does to the connection, the stream or the door of its source. */
export type LinkAction =
  | { readonly do: 'hold'; readonly forMs: number }
  | { readonly do: 'go-dark'; readonly forMs: number }
  | { readonly do: 'stop-reading'; readonly forMs: number }
  | { readonly do: 'trickle'; readonly bytesPerSecond: number; readonly forMs: number }
  | { readonly do: 'reset' }
  | { readonly do: 'close'; readonly code: number }
  | { readonly do: 'refuse'; readonly forMs: number }
  | { readonly do: 'drop-tail'; readonly frames: number }
  | { readonly do: 'new-epoch' }
  | { readonly do: 'step-back'; readonly by: number }
  | { readonly do: 'lose-acks'; readonly acks: number }
  | { readonly do: 'doubt-acks'; readonly acks: number }
  | { readonly do: 'reset-at-ack' };

export interface Effect {
  readonly deliveries: readonly Delivery[];
  readonly actions: readonly LinkAction[];
}
