// An appender over any client's idempotent producer, kept away from the two silent losses of such producers: a send carries
// one partition, and at most one send per partition is unsettled. (With several, a lost acknowledgement can make a client use a
// sequence range again, and the broker acknowledges the second batch as a duplicate of the first without storing it.)
//
// After an unknown outcome the producer is replaced by one with a new producer id, built on a new client object: the old id may
// be fenced or out of sequence for good, and the old client may hold a dead socket. Sends in flight on the old one end there.
import { backoffMs, pause } from '../service/backoff.ts';
import { describeError, PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import type { OnConnection } from './client-options.ts';
import { laneOf } from './group-knowledge.ts';
import { Lanes } from './lanes.ts';
import type { Appender, AppendOutcome, AppendRecord, Offset, TopicPartition } from './log.ts';
import { invalidRecord } from './record-check.ts';

/** One idempotent producer of a client: connected, with a producer id of its own. */
export interface Producing {
  /** Resolves with the base offset when the broker has answered for exactly this partition; anything else rejects. */
  send(to: TopicPartition, records: readonly AppendRecord[]): Promise<Offset>;
  disconnect(): Promise<void>;
}

export interface AppendingOptions {
  /** The client's name, for the log. */
  readonly client: string;
  readonly logger: Logger;
  /** Rejects with why there is no connection; it is asked for again, ever more slowly. */
  connect(): Promise<Producing>;
  readonly onConnection?: OnConnection;
  /** What an error of the client means for the records: definitely not written, or unknown. */
  failed(error: unknown, to: TopicPartition): Exclude<AppendOutcome, { outcome: 'acked' }>;
}

/** Nothing went out, so the producer holds nothing that a new one would have to be rid of: it stays, for the other partitions. */
export class NotSent extends Error {
  constructor(to: string, cause: Error) {
    super(`nothing was sent to ${to}`, { cause });
  }
}

interface Incumbent {
  readonly producing: Producing;
  inFlight: number;
  recordsLeft: number;
  isRetired: boolean;
}

const CONNECT_BACKOFF = { initialMs: 250, maxMs: 5_000 };
/** Sequence numbers are 31 bits wide and clients differ in how they wrap: a producer is replaced long before. */
const RECORDS_MAX = 2 ** 30;

export class Appending implements Appender {
  readonly #options: AppendingOptions;
  readonly #lanes = new Lanes();
  readonly #stopping = new AbortController();
  #current: Promise<Incumbent>;
  #stopped: Promise<void> | undefined;

  constructor(options: AppendingOptions) {
    this.#options = options;
    this.#current = this.#connect();
  }

  get inFlight(): number {
    return this.#lanes.unsettled;
  }

  async append(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    // A client would refuse the whole send for one of them, in a way that says nothing about the others.
    for (const record of records) {
      const error = invalidRecord(to, record);
      if (error !== undefined) return { outcome: 'rejected', error };
    }
    return await this.#lanes.run(laneOf(to), () => this.#send(to, records));
  }

  async drain(): Promise<void> {
    await this.#lanes.drain();
  }

  recycle(): void {
    this.#current.then((incumbent) => this.#replace(incumbent), ignore);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.drain();
    this.#stopping.abort();
    const incumbent = await this.#current.catch(() => undefined);
    await incumbent?.producing.disconnect();
  }

  async #send(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome> {
    let incumbent: Incumbent | undefined;
    try {
      // One that was retired while it connected is being disconnected: its successor is the one to wait for.
      do incumbent = await this.#current;
      while (incumbent.isRetired);
      incumbent.inFlight += 1;
      incumbent.recordsLeft -= records.length;
      return { outcome: 'acked', baseOffset: await incumbent.producing.send(to, records) };
    } catch (error) {
      const failed = this.#options.failed(error, to);
      const isTainted = failed.outcome === 'unknown' && !(error instanceof NotSent);
      if (isTainted && incumbent !== undefined) this.#replace(incumbent);
      return failed;
    } finally {
      if (incumbent !== undefined) {
        incumbent.inFlight -= 1;
        if (incumbent.recordsLeft <= 0) this.#replace(incumbent);
        this.#release(incumbent);
      }
    }
  }

  #replace(incumbent: Incumbent): void {
    if (incumbent.isRetired || this.#stopping.signal.aborted) return;
    incumbent.isRetired = true;
    this.#options.logger.warn({ client: this.#options.client }, 'kafka.appender.recycled');
    this.#current = this.#connect();
    this.#current.catch(ignore);
    this.#release(incumbent);
  }

  #release(incumbent: Incumbent): void {
    if (!incumbent.isRetired || incumbent.inFlight > 0) return;
    incumbent.producing.disconnect().catch((error: unknown) => {
      this.#options.logger.warn({ error: describeError(error) }, 'kafka.appender.disconnect.failed');
    });
  }

  async #connect(): Promise<Incumbent> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const producing = await this.#options.connect();
        this.#options.onConnection?.(undefined);
        return { producing, inFlight: 0, recordsLeft: RECORDS_MAX, isRetired: false };
      } catch (error) {
        if (this.#stopping.signal.aborted) throw error;
        if (error instanceof PmcError) this.#options.onConnection?.(error);
        this.#options.logger.warn({ error: describeError(error), attempt }, 'kafka.appender.connect.failed');
        await pause(backoffMs(attempt, CONNECT_BACKOFF), this.#stopping.signal);
      }
    }
  }
}

function ignore(): void {
  // A connection that failed for good is reported to every append that waits for it.
}
