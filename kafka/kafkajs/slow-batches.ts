// Batches whose handler takes long. kafkajs fetches from a broker again only when every batch of the fetch before is through, so that one
// handler that hangs would stop all partitions of that broker. After a while such a batch is left to itself: kafkajs is told that
// it is through, without its position having moved, and not to fetch its partition until it really is.
import { pause } from '../../service/backoff.ts';
import { laneOf } from '../group-knowledge.ts';
import type { TopicPartition } from '../log.ts';

const SLOW_MS = 1_000;
/** What failed by itself is handed over again no sooner. */
const FAILED_PAUSE_MS = 1_000;

export interface SlowBatch {
  readonly of: TopicPartition;
  readonly handled: Promise<void>;
  /** Stops and starts the fetching of its partition. */
  readonly hold: () => void;
  readonly release: () => void;
}

export class SlowBatches {
  readonly #left = new Map<string, Promise<void>>();
  #failure: unknown;
  readonly #stopping = new AbortController();

  /** Why one that was left has failed, told once: kafkajs has to hear of what concerns its membership. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  isLeft(of: TopicPartition): boolean {
    return this.#left.has(laneOf(of));
  }

  /** Resolves when the batch is handled or left to itself; rejects when its handler does before that. */
  async handledOrLeft({ of, handled, hold, release }: SlowBatch): Promise<void> {
    const soon = new AbortController();
    const isSlow = Symbol('slow');
    const first = await Promise.race([handled, pause(SLOW_MS, soon.signal).then(() => isSlow)]).finally(() =>
      soon.abort(),
    );
    if (first !== isSlow) return;
    hold();
    const left = handled
      .catch(async (error: unknown) => {
        this.#failure = error;
        await pause(FAILED_PAUSE_MS, this.#stopping.signal);
      })
      .finally(() => {
        this.#left.delete(laneOf(of));
        try {
          release();
        } catch {
          // The client is between an end and a beginning: it begins without such pauses.
        }
      });
    this.#left.set(laneOf(of), left);
  }

  /** Waits for those that were left; their signals are aborted by whoever stops. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#left.values());
  }
}
