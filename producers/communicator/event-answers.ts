// What a peer is told of each of its events: that it is on the log, that it is refused for good, or that it is to come again and when.
// By its number, by its id where it has none, and as an error where it has neither.
import { PROTOCOL_ERROR, type ProtocolErrorName } from '../../schemas/protocol/codes.ts';
import type { GatewayFrame } from '../../schemas/protocol/frames.ts';
import type { Clock } from '../../service/clock.ts';
import { type EventName, errorNameOf, whichOf } from './event-name.ts';
import type { OpenStream } from './open-streams.ts';
import type { Refusal } from './parse-frame.ts';
import type { Outcome } from './recent-events.ts';

export interface Named extends EventName {
  readonly open: OpenStream;
  /** What it is called where it has no name of this session's. */
  readonly ref?: string | undefined;
}

/** Why, and until when, an event was refused for now, and whether for its peer's own rate. */
interface Again {
  readonly error: ProtocolErrorName;
  readonly atMs: number;
  readonly isOwnRate: boolean;
}

export type Complain = (
  name: ProtocolErrorName,
  reason: string,
  more?: { readonly retry_after_ms?: number; readonly ref?: string },
) => void;

/** How a session speaks to its peer. */
export interface Saying {
  readonly send: (frame: GatewayFrame) => void;
  readonly error: Complain;
}

const RETRY_MS = 1_000;
/** One for all that none was refused of. */
const NEVER: Again = { error: 'rateLimited', atMs: 0, isOwnRate: false };

export class EventAnswers {
  readonly #saying: Saying;
  readonly #clock: Clock;
  #again = NEVER;

  constructor(saying: Saying, clock: Clock) {
    this.#saying = saying;
    this.#clock = clock;
  }

  /** Of the last of this stream that was refused for now. */
  get again(): Again {
    return this.#again;
  }

  outcome(named: Named, outcome: Outcome, isDuplicate: boolean): void {
    const name = named.seq ?? named.id;
    switch (outcome.kind) {
      case 'refused':
        return this.refused(named, outcome);
      case 'nowhere':
        return this.notNow(named, 'internal', 'the log refused it', RETRY_MS);
      case 'sampled':
        return named.open.acks.due();
      case 'logged':
        if (name !== undefined) named.open.acks.add(name, outcome, isDuplicate);
    }
  }

  /** Final: the frame is kept on the topic of rejected ones, and its number counts as settled. */
  refused({ open, seq, id, ref }: Named, { code, reason }: Refusal): void {
    const saying = this.#saying;
    if (seq === undefined && id === undefined)
      return saying.error(errorNameOf(code), reason, ref === undefined ? {} : { ref });
    saying.send({ op: 'nack', epoch: open.account.epoch, ...whichOf({ seq, id }), code, reason });
    if (seq !== undefined) open.acks.due();
  }

  /** The peer sends it again later, and its number stays open until then. */
  notNow(named: Named, error: ProtocolErrorName, reason: string, waitMs: number, isOwnRate = false): void {
    if (named.seq !== undefined) this.#again = { error, atMs: this.#clock.nowMs() + waitMs, isOwnRate };
    this.comeAgain(named, error, reason, waitMs);
  }

  comeAgain({ open, seq, id, ref }: Named, name: ProtocolErrorName, reason: string, retry_after_ms: number): void {
    const saying = this.#saying;
    if (seq === undefined && id === undefined)
      return saying.error(name, reason, { retry_after_ms, ...(ref === undefined ? {} : { ref }) });
    const { code } = PROTOCOL_ERROR[name];
    saying.send({ op: 'nack', epoch: open.account.epoch, ...whichOf({ seq, id }), code, reason, retry_after_ms });
  }
}
