// What one peer is still to be told about its events: collected while the event loop turns, and for a few milliseconds after the frame
// before, and sent as one for all that the log has answered. Only what is on the log is ever said here.
import type { Coordinates, GatewayFrame } from '../../schemas/protocol/frames.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Outcome } from './recent-events.ts';

type Name = number | string;
export type AckFrame = Extract<GatewayFrame, { op: 'ack' }>;

export interface AcknowledgementsOptions {
  readonly epoch: string;
  /** Every number up to this one is settled; asked when the frame is made. */
  readonly upto: () => number;
  readonly nowMs: () => number;
  /** Between two frames: one for each answer of the log would be a system call for every few events. */
  readonly paceMs: number;
  readonly send: (frame: AckFrame) => void;
}

const NAMED_MAX = 1_000;

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;
  #at: Coordinates[] = [];
  #dup: Name[] = [];
  #isDue = false;
  #sentMs = Number.NEGATIVE_INFINITY;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
  }

  add(name: Name, { partition, offset }: Extract<Outcome, { kind: 'logged' }>, isDuplicate: boolean): void {
    this.#at.push([name, TOPIC.incoming, partition, offset]);
    if (isDuplicate) this.#dup.push(name);
    if (this.#at.length >= NAMED_MAX) this.flush();
    else this.due();
  }

  /** An acknowledgement goes out soon, also when only `upto` has moved; with the next turn of the event loop if it is the first for a while. */
  due(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const restMs = this.#options.paceMs - (performance.now() - this.#sentMs);
    if (restMs > 0) setTimeout(() => this.flush(), restMs);
    else setImmediate(() => this.flush());
  }

  flush(): void {
    if (!this.#isDue && this.#at.length === 0) return;
    this.#isDue = false;
    this.#sentMs = performance.now();
    const { epoch, upto, nowMs, send } = this.#options;
    const dup = this.#dup.length === 0 ? {} : { dup: this.#dup };
    const frame: AckFrame = { op: 'ack', epoch, upto: upto(), at: this.#at, ...dup, ts: nowMs() };
    this.#at = [];
    this.#dup = [];
    send(frame);
    killPoint('communicator.acknowledged');
  }
}
