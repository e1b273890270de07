// Asks one source with a deadline. A source that hangs costs the page one deadline, never more: the question stays open
// (at most one at a time), and meanwhile the last answer stands until it is too old to be called current.
import type { Clock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import { withDeadline } from './deadline.ts';
import type { Seen } from './observation.ts';

export interface ProbeOptions<T> {
  readonly ask: () => Promise<T>;
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** How long an answer may stand in for one that does not come. */
  readonly answerAgeMaxMs: number;
  readonly onFailure?: (reason: string) => void;
}

export class Probe<T> {
  readonly #options: ProbeOptions<T>;
  #open: Promise<Seen<T>> | undefined;
  #last: (Seen<T> & { ok: true }) | undefined;

  constructor(options: ProbeOptions<T>) {
    this.#options = options;
  }

  async look(): Promise<Seen<T>> {
    this.#open ??= this.#ask().finally(() => {
      this.#open = undefined;
    });
    const seen = await withDeadline(this.#open, this.#options.deadlineMs);
    if (seen?.ok) return seen;
    const reason = seen?.reason ?? `no answer within ${this.#options.deadlineMs / 1_000} s`;
    this.#options.onFailure?.(reason);
    const last = this.#last;
    const isCurrent = last !== undefined && this.#options.clock.nowMs() - last.atMs <= this.#options.answerAgeMaxMs;
    return seen === undefined && isCurrent ? last : { ok: false, reason };
  }

  async #ask(): Promise<Seen<T>> {
    try {
      const value = await this.#options.ask();
      this.#last = { ok: true, value, atMs: this.#options.clock.nowMs() };
      return this.#last;
    } catch (error) {
      return { ok: false, reason: describeError(error) };
    }
  }
}
