// Whether the log answers, for readiness and for peers that want to know why their acknowledgements are late.
import type { Clock } from '../../service/clock.ts';
import { describeError, type PmcError } from '../../service/errors.ts';
import type { Health } from '../../service/health.ts';

export interface LogStateOptions {
  readonly health: Health;
  readonly clock: Clock;
  /** Said when the log stops answering, and every few seconds until it does. */
  readonly onAway: (retryMs: number) => void;
}

const SAY_AGAIN_MS = 5_000;

export class LogState {
  readonly #options: LogStateOptions;
  #awaySinceMs: number | undefined;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogStateOptions) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#awaySinceMs !== undefined;
  }

  connection(problem: PmcError | undefined): void {
    if (problem === undefined) this.#back('connected');
    else this.#away(describeError(problem));
  }

  appended(outcome: 'acked' | 'rejected' | 'unknown'): void {
    if (outcome === 'unknown') this.#away('appends are not acknowledged');
    else if (this.isAway) this.#back('appends are acknowledged');
  }

  tick(): void {
    const { clock, onAway } = this.#options;
    if (!this.isAway || clock.nowMs() - this.#saidMs < SAY_AGAIN_MS) return;
    this.#saidMs = clock.nowMs();
    onAway(SAY_AGAIN_MS);
  }

  #away(detail: string): void {
    const { health, clock } = this.#options;
    health.set('log', false, detail);
    this.#awaySinceMs ??= clock.nowMs();
  }

  #back(detail: string): void {
    this.#options.health.set('log', true, detail);
    this.#awaySinceMs = undefined;
  }
}
