// What one peer is still to be told about its events: collected while the event loop turns, and for a few milliseconds after the frame
// before, and sent as one for all that the log has answered. Only what is on the log is ever said here.
import type { Coordinates, GatewayFrame } from '../../schemas/protocol/frames.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Saying } from './event-answers.ts';
import type { Outcome } from './recent-events.ts';
import type { StreamAccount } from './stream-account.ts';

type Name = number | string;
export type AckFrame = Extract<GatewayFrame, { op: 'ack' }>;

export interface AcknowledgementsOptions {
  /** For what is told. */
  readonly clock: Clock;
  /** Between two frames: one for each answer of the log would be a system call for every few events. */
  readonly ackPaceMs: number;
}

const NAMED_MAX = 1_000;

export class Acknowledgements {
  readonly #account: Pick<StreamAccount, 'epoch' | 'upto'>;
  readonly #options: AcknowledgementsOptions;
  readonly #saying: Pick<Saying, 'send'>;
  #at: Coordinates[] = [];
  #dup: Name[] = [];
  #isDue = false;
  #sentMs = Number.NEGATIVE_INFINITY;

  /** `upto` of the account is looked at when a frame is made. */
  constructor(
    account: Pick<StreamAccount, 'epoch' | 'upto'>,
    options: AcknowledgementsOptions,
    saying: Pick<Saying, 'send'>,
  ) {
    this.#account = account;
    this.#options = options;
    this.#saying = saying;
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
    const restMs = this.#options.ackPaceMs - (performance.now() - this.#sentMs);
    if (restMs > 0) setTimeout(() => this.flush(), restMs);
    else setImmediate(() => this.flush());
  }

  flush(): void {
    if (!this.#isDue && this.#at.length === 0) return;
    this.#isDue = false;
    this.#sentMs = performance.now();
    const { epoch, upto } = this.#account;
    const dup = this.#dup.length === 0 ? {} : { dup: this.#dup };
    const frame: AckFrame = { op: 'ack', epoch, upto, at: this.#at, ...dup, ts: this.#options.clock.nowMs() };
    this.#at = [];
    this.#dup = [];
    this.#saying.send(frame);
    killPoint('communicator.acknowledged');
  }
}
