// A random fault now and then, the same ones for the same seed: what may go wrong between a client and its brokers. The times at
// which they strike are the run's own, so a seed gives the same faults in the same order and not the same interleaving.

import type { KafkaCluster } from './kafka-cluster.ts';
import { API } from './kafka-frames.ts';
import { withProduceError } from './produce-frames.ts';

const BROKEN_FOR_MS = 300;
const LATE_MS = 40;
/** NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND: a broker may say them of what it has written. */
const PRODUCER_ERRORS = [6, 7, 20] as const;

export class SeededFaults {
  readonly counts = new Map<string, number>();
  readonly #cluster: KafkaCluster;
  readonly #random: () => number;
  #timers: NodeJS.Timeout[] = [];

  constructor(cluster: KafkaCluster, seed: number) {
    this.#cluster = cluster;
    this.#random = randomFrom(seed);
  }

  /** One fault, which ends by itself if it is one that lasts. */
  strike(): void {
    const { proxy } = this.#pick(this.#cluster.nodes);
    const once = (api: number, verdict: 'swallow' | 'cut' | 'reset' | 'tear'): void => {
      let isDone = false;
      proxy.onAnswer(({ apiKey }) => {
        if (isDone || apiKey !== api) return 'pass';
        isDone = true;
        return verdict;
      });
    };
    const faults: Readonly<Record<string, () => void>> = {
      cut: () => proxy.cut(),
      reset: () => proxy.reset(),
      'acknowledgement cut': () => once(API.Produce, 'cut'),
      'acknowledgement reset': () => once(API.Produce, 'reset'),
      'acknowledgement torn': () => once(API.Produce, 'tear'),
      'metadata torn': () => once(API.Metadata, 'tear'),
      'producer id lost': () => once(API.InitProducerId, 'reset'),
      'answers vanish': () => {
        proxy.blackhole({ directions: ['answers'] });
        this.#later(() => proxy.heal());
      },
      blackhole: () => {
        proxy.blackhole();
        this.#later(() => proxy.heal());
      },
      late: () => {
        proxy.delay(LATE_MS);
        this.#later(() => proxy.delay(0));
      },
      'another error': () => {
        const code = this.#pick(PRODUCER_ERRORS);
        let isDone = false;
        proxy.onAnswer(({ apiKey, apiVersion, frame }) => {
          if (isDone || apiKey !== API.Produce) return 'pass';
          isDone = true;
          return withProduceError(frame, apiVersion, code);
        });
      },
    };
    const name = this.#pick(Object.keys(faults));
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    faults[name]?.();
  }

  /** No fault lasts any longer. */
  end(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    this.#cluster.heal();
  }

  #later(then: () => void): void {
    this.#timers.push(setTimeout(then, BROKEN_FOR_MS));
  }

  #pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.#random() * from.length)];
    if (found === undefined) throw new RangeError('nothing to pick from');
    return found;
  }
}

/** Numbers in [0, 1) from a 32-bit linear congruential generator: enough to choose, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
