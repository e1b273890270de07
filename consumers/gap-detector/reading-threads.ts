// Threads that share a long read of the log: each reads, decodes and hashes ranges of its own, because one core does not keep up with
// a broker. What they observed comes back in offset order, and whoever asked takes it; at most a few parts wait to be taken.
import { on } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ClusterConfig } from '../../kafka/client-options.ts';
import type { TopicPartition } from '../../kafka/log.ts';
import type { PmcErrorCode } from '../../service/error-codes.ts';
import { type ErrorDetails, PmcError } from '../../service/errors.ts';
import type { Observed } from './log-side.ts';
import { type PackedObserved, unpackObserved } from './packed-observations.ts';

export interface ReadingOptions {
  readonly config: ClusterConfig;
  readonly clientId: string;
  readonly registryUrl: string;
  readonly schemaCache?: string | undefined;
}

/** What a thread is told: a range to read, or that a part of what it read was taken. */
export type ToThread =
  | {
      readonly word: 'read';
      readonly at: TopicPartition;
      readonly lower: bigint;
      readonly upper: bigint;
      readonly isContentOnly: boolean;
    }
  | { readonly word: 'taken' };

/** What it answers: parts of the range in order, then its end or why it cannot be read. */
export type FromThread =
  | { readonly word: 'observed'; readonly observed: PackedObserved }
  | { readonly word: 'end' }
  | { readonly word: 'failed'; readonly code: PmcErrorCode; readonly message: string; readonly details: ErrorDetails };

const THREADS_MAX = 4;
/** Threads take a second or two to start, and two cores are often one with two faces. */
const WORTH = { records: 500_000, coresForContents: 4 };

export class ReadingThreads {
  /** How many ranges are worth reading at a time. */
  readonly count = Math.min(availableParallelism(), THREADS_MAX);
  readonly #worth: typeof WORTH;
  readonly #options: ReadingOptions;
  readonly #living = new Set<Worker>();
  readonly #idle: Worker[] = [];

  constructor({ config, clientId, registryUrl, schemaCache }: ReadingOptions, worth = WORTH) {
    // Whoever gives more gives it to nobody else: not everything can go to a thread.
    this.#options = { config, clientId, registryUrl, schemaCache };
    this.#worth = worth;
  }

  /** Whether threads read so much sooner than who asks. Contents alone are read nearly as fast as two threads on two cores read them. */
  areWorth(records: bigint, isContentOnly: boolean): boolean {
    return records >= this.#worth.records && (!isContentOnly || this.count >= this.#worth.coresForContents);
  }

  get running(): number {
    return this.#living.size;
  }

  /** Reads [lower, upper) of the incoming events, part by part. Throws what reading and decoding throw, and when its thread has ended. */
  async *read(
    at: TopicPartition,
    lower: bigint,
    upper: bigint,
    { isContentOnly, signal }: { readonly isContentOnly: boolean; readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<readonly Observed[]> {
    const thread = this.#idle.pop() ?? this.#start();
    let isDone = false;
    try {
      const answers = on(thread, 'message', { close: ['exit'], ...(signal && { signal }) });
      say(thread, { word: 'read', at, lower, upper, isContentOnly });
      for await (const [answer] of answers as AsyncIterable<[FromThread]>) {
        if (answer.word === 'observed') {
          yield unpackObserved(answer.observed);
          say(thread, { word: 'taken' });
          continue;
        }
        isDone = true;
        if (answer.word === 'failed') throw new PmcError(answer.code, answer.message, answer.details);
        return;
      }
      throw new Error('a thread of the audit has ended');
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      // Left in the middle, it still reads for nobody. It may have ended behind its last word, too.
      if (!isDone) await thread.terminate();
      else if (this.#living.has(thread)) this.#idle.push(thread);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#living].map((thread) => thread.terminate()));
  }

  #start(): Worker {
    const thread = new Worker(new URL('./reading-worker.ts', import.meta.url), { workerData: this.#options });
    this.#living.add(thread);
    // Who reads hears of it too; one that nobody uses is only gone.
    thread.on('error', () => undefined);
    thread.once('exit', () => {
      this.#living.delete(thread);
      const place = this.#idle.indexOf(thread);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    return thread;
  }
}

function say(thread: Worker, word: ToThread): void {
  thread.postMessage(word);
}
