// An appender in memory for tests of what stands above it: a log per partition, and one script that decides each append.
import { PmcError } from '../service/errors.ts';
import type { Appender, AppendOutcome, AppendRecord, TopicPartition } from './log.ts';

/**
 * What is to become of an append; `lost-ack` writes the records and answers unknown all the same; `too-large` and `wrong-time` are what a broker
 * says of single records.
 */
export type Fate = 'acked' | 'rejected' | 'too-large' | 'unknown' | 'wrong-time' | 'lost-ack';

export interface Append {
  readonly to: TopicPartition;
  readonly records: readonly AppendRecord[];
}

const REFUSED = new PmcError('PMC_APPEND_REJECTED', 'the broker refused an append');
const TOO_LARGE = new PmcError('PMC_RECORD_TOO_LARGE', 'the broker refused an append for its size');
const WRONG_TIME = new PmcError('PMC_CLOCKS_DIFFER', 'the broker refused an append for its time');
const UNANSWERED = new PmcError('PMC_APPEND_UNKNOWN', 'no acknowledgement for an append');

export class ScriptedAppender implements Pick<Appender, 'append'> {
  /** Every call, in order. */
  readonly appends: Append[] = [];
  readonly #logs = new Map<string, AppendRecord[]>();
  readonly #fateOf: (append: Append, call: number) => Fate;
  readonly #held: (() => void)[] = [];
  #isHolding = false;

  constructor(fateOf: (append: Append, call: number) => Fate = () => 'acked') {
    this.#fateOf = fateOf;
  }

  /** From now on no append is answered until `release`. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    for (const go of this.#held.splice(0)) go();
  }

  async append(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    const append = { to, records };
    const fate = this.#fateOf(append, this.appends.length);
    this.appends.push(append);
    if (this.#isHolding) await new Promise<void>((go) => this.#held.push(go));
    if (fate === 'rejected') return { outcome: 'rejected', error: REFUSED };
    if (fate === 'too-large') return { outcome: 'rejected', error: TOO_LARGE };
    if (fate === 'wrong-time') return { outcome: 'unknown', error: WRONG_TIME };
    if (fate === 'unknown') return { outcome: 'unknown', error: UNANSWERED };
    const log = this.log(to);
    const baseOffset = BigInt(log.length);
    log.push(...records);
    return fate === 'acked' ? { outcome: 'acked', baseOffset } : { outcome: 'unknown', error: UNANSWERED };
  }

  /** What is on one partition, in order. */
  log({ topic, partition }: TopicPartition): AppendRecord[] {
    const name = `${topic}-${partition}`;
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    return log;
  }

  /** What is on all partitions of a topic. */
  topic(topic: string): readonly AppendRecord[] {
    return [...this.#logs].filter(([name]) => name.startsWith(`${topic}-`)).flatMap(([, log]) => log);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
