// What a peer says that it has handled, as events of its own on the log: the evidence that a reply arrived. Nobody acknowledges these, so
// a pong waits for what was said before its ping: with it the peer knows that the log has that, and may forget it. What is said faster
// than the rate waits its turn, and what no topic took is appended again; a pong that waits for long is explained, which is a sign of life as well.
import { UUID } from '../../schemas/event-key.ts';
import type { ProtocolErrorName } from '../../schemas/protocol/codes.ts';
import { deliveredEvent } from '../../schemas/protocol/delivered-event.ts';
import { backoffMs } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import type { Saying } from './event-answers.ts';
import type { Ingest, Origin } from './ingest.ts';
import type { Outcome } from './recent-events.ts';

export interface ReplyEvidenceOptions {
  readonly from: Origin;
  readonly ingest: Pick<Ingest, 'receive'>;
  /** Takes one of the rate, where there is one. */
  readonly isAllowed: () => boolean;
  readonly clock: Clock;
  /** One more on its way, and that it has settled. */
  readonly begin: (sizeBytes: number) => void;
  readonly end: (sizeBytes: number) => void;
  readonly saying: Pick<Saying, 'error'>;
}

export interface NotTaken {
  readonly error: ProtocolErrorName;
  readonly reason: string;
  /** The first of them. */
  readonly ref: string;
}

interface Said {
  readonly number: number;
  readonly replyId: string;
}

/** Whoever asks more often than this while the log does not answer has no right to every answer. */
const PINGS_MAX = 256;
/** Acknowledgements that wait for the rate; as many as are in the memory of any peer that keeps to the protocol. */
const LATER_MAX = 10_000;
/** A pong that waits for longer is explained, again and again. */
const LATE_MS = 10_000;
const REFUSED_BACKOFF = { initialMs: 500, maxMs: 60_000 };

export class ReplyEvidence {
  readonly #options: ReplyEvidenceOptions;
  #said = 0;
  /** Up to where the last ping was behind what was said. */
  #asked = 0;
  /** Not on the log yet, oldest first. Most peers never say anything. */
  #open: Set<number> | undefined;
  readonly #later: Said[] = [];
  /** Within the rate, and on no topic all the same. */
  readonly #again: Said[] = [];
  /** In a row. */
  #refusals = 0;
  #againAfterMs = 0;
  readonly #waiting: { readonly behind: number; readonly sinceMs: number; readonly goOn: () => void }[] = [];

  constructor(options: ReplyEvidenceOptions) {
    this.#options = options;
  }

  /** Takes all that can be taken, and says why not where some cannot, once for all of them. */
  add(ids: readonly string[]): NotTaken | undefined {
    const { isAllowed } = this.#options;
    // Our reply ids are UUIDs.
    const strange = ids.find((id) => !UUID.test(id));
    for (const replyId of ids) {
      if (!UUID.test(replyId)) continue;
      if (this.#later.length + this.#again.length >= LATER_MAX) {
        const reason = 'too many acknowledgements wait for the rate; say this one and those behind it again later';
        return { error: 'rateLimited', reason, ref: replyId };
      }
      const number = ++this.#said;
      this.#open ??= new Set();
      this.#open.add(number);
      if (this.#later.length > 0 || !isAllowed()) this.#later.push({ number, replyId });
      else this.#append({ number, replyId });
    }
    if (strange === undefined) return undefined;
    return { error: 'invalid', reason: 'ids are reply ids as they were delivered', ref: strange.slice(0, 64) };
  }

  /** About once a second. */
  tick(): void {
    const { isAllowed, clock, saying } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs >= this.#againAfterMs) {
      // One finds out whether the topics take any.
      const again = this.#again.splice(0, this.#refusals > 0 ? 1 : this.#again.length);
      for (const said of again) this.#append(said);
    }
    let taken = 0;
    for (const said of this.#later) {
      if (!isAllowed()) break;
      taken += 1;
      this.#append(said);
    }
    this.#later.splice(0, taken);
    const [oldest] = this.#waiting;
    if (oldest === undefined || nowMs - oldest.sinceMs < LATE_MS) return;
    if (this.#later.length > 0)
      saying.error('rateLimited', 'a pong waits for acknowledgements, and those for the rate');
    else saying.error('logUnavailable', 'a pong waits for acknowledgements that are not on the log yet');
  }

  /** Whether something was said since the last ping, for which the peer wants to hear a pong. */
  get isUnasked(): boolean {
    return this.#said > this.#asked;
  }

  /** Once all that was added before is on the log. */
  behind(goOn: () => void): void {
    this.#asked = this.#said;
    if (this.#waiting.length >= PINGS_MAX) return;
    this.#waiting.push({ behind: this.#said, sinceMs: this.#options.clock.nowMs(), goOn });
    this.#goOn();
  }

  #refused(said: Said): void {
    this.#again.push(said);
    const nowMs = this.#options.clock.nowMs();
    // The others of the same moment say nothing new.
    if (nowMs < this.#againAfterMs) return;
    this.#refusals += 1;
    this.#againAfterMs = nowMs + backoffMs(this.#refusals, REFUSED_BACKOFF);
  }

  #append(said: Said): void {
    const { number, replyId } = said;
    const { from, ingest, begin, end } = this.#options;
    const fields = deliveredEvent(replyId, from.source);
    const frame = { bytes: Buffer.from(JSON.stringify(fields)), isBinary: false };
    const sizeBytes = frame.bytes.length;
    begin(sizeBytes);
    const onSettled = ({ kind }: Outcome): void => {
      end(sizeBytes);
      if (kind === 'nowhere') return this.#refused(said);
      this.#refusals = 0;
      this.#againAfterMs = 0;
      this.#open?.delete(number);
      this.#goOn();
    };
    ingest.receive({ frame, parsed: { ok: true, fields }, from, place: null, onSettled });
  }

  #goOn(): void {
    const [first = Number.POSITIVE_INFINITY] = this.#open ?? [];
    for (let one = this.#waiting[0]; one !== undefined && one.behind < first; one = this.#waiting[0]) {
      this.#waiting.shift();
      one.goOn();
    }
  }
}
