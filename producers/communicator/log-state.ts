// Whether the log answers, for readiness and for peers that want to know why their acknowledgements are late. Two things can be wrong, each
// without the other: there is no connection, or appends to some partitions are not acknowledged although a broker is reached (too
// few in-sync replicas, no leader). What cures one says nothing about the other, nor one partition about its neighbours.
import { laneOf } from '../../kafka/group-knowledge.ts';
import type { TopicPartition } from '../../kafka/log.ts';
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
const NAMED_MAX = 3;

export class LogState {
  readonly #options: LogStateOptions;
  /**
   * Partitions whose last append had no outcome. None stays here for ever: the accumulator appends the same records again until
   * they have one.
   */
  readonly #unanswered = new Set<string>();
  #problem: PmcError | undefined;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogStateOptions) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#problem !== undefined || this.#unanswered.size > 0;
  }

  connection(problem: PmcError | undefined): void {
    this.#problem = problem;
    this.#show('connected');
  }

  appended(to: TopicPartition, outcome: 'acked' | 'rejected' | 'unknown'): void {
    const lane = laneOf(to);
    const isNews = outcome === 'unknown' ? !this.#unanswered.has(lane) : this.#unanswered.delete(lane);
    if (!isNews) return;
    if (outcome === 'unknown') this.#unanswered.add(lane);
    this.#show('appends are acknowledged');
  }

  tick(): void {
    const { clock, onAway } = this.#options;
    if (!this.isAway || clock.nowMs() - this.#saidMs < SAY_AGAIN_MS) return;
    this.#saidMs = clock.nowMs();
    onAway(SAY_AGAIN_MS);
  }

  #show(well: string): void {
    const wrong = this.#problem === undefined ? this.#waiting() : describeError(this.#problem);
    this.#options.health.set('log', wrong === undefined, wrong ?? well);
  }

  #waiting(): string | undefined {
    const lanes = [...this.#unanswered];
    if (lanes.length === 0) return undefined;
    const more = lanes.length > NAMED_MAX ? ` and ${lanes.length - NAMED_MAX} more` : '';
    return `appends are not acknowledged: ${lanes.slice(0, NAMED_MAX).join(', ')}${more}`;
  }
}
