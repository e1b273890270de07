// The connections that follow the console live, by server-sent events. Their number is bounded. Each gets one event per
// snapshot; one that reads too slowly is skipped until it has read what it was given (every event stands on its own or
// carries all that changed since the last one sent), and is dropped when it does not read at all, or when its token ends.
import type { Writable } from 'node:stream';
import type { ConsoleMetrics } from './metrics.ts';
import type { Sampler } from './sampler.ts';
import type { Snapshot } from './snapshot.ts';

export const WATCHERS_MAX = 50;

/** A watcher that could not take anything for so many snapshots in a row is gone in all but name. */
const SKIPPED_MAX = 30;
const RETRY_MS = 2_000;

export interface LiveEvent {
  readonly name: string;
  readonly data: unknown;
}

export interface Watcher {
  /** Undefined for the console's own token. */
  readonly tokenId: string | undefined;
  readonly headers: Record<string, string>;
}

/** What of a server's response is needed here. */
type EventStream = Writable & { writeHead(status: number, headers: Record<string, string>): unknown };

export class Watchers {
  readonly #sampler: Pick<Sampler, 'watch'>;
  readonly #metrics: ConsoleMetrics;
  /** With the id of the token that opened it, unless that is the console's own. */
  readonly #streams = new Map<EventStream, string | undefined>();

  constructor(sampler: Pick<Sampler, 'watch'>, metrics: ConsoleMetrics) {
    this.#sampler = sampler;
    this.#metrics = metrics;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Whether one more may watch; a refusal is counted. */
  admits(): boolean {
    if (this.#streams.size < WATCHERS_MAX) return true;
    this.#metrics.watchersRefused.inc();
    return false;
  }

  /** Takes the response over; `toEvent` is called for the snapshots that are really sent to this watcher, in order. */
  add(stream: EventStream, { tokenId, headers }: Watcher, toEvent: (snapshot: Snapshot) => LiveEvent): void {
    this.#streams.set(stream, tokenId);
    this.#metrics.watchers.set(this.#streams.size);
    stream.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    let isWritable = stream.write(`retry: ${RETRY_MS}\n\n`);
    let skipped = 0;
    stream.on('drain', () => {
      isWritable = true;
      skipped = 0;
    });
    const unwatch = this.#sampler.watch((snapshot) => {
      if (!isWritable) {
        this.#metrics.updatesSkipped.inc();
        skipped += 1;
        if (skipped > SKIPPED_MAX) stream.destroy();
        return;
      }
      const { name, data } = toEvent(snapshot);
      isWritable = stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    });
    // A reset connection reports an error and then closes; the close is what counts.
    stream.on('error', () => undefined);
    stream.on('close', () => {
      unwatch();
      this.#streams.delete(stream);
      this.#metrics.watchers.set(this.#streams.size);
    });
  }

  /** A token has ended, and so do the streams that it opened. */
  dismiss(tokenId: string): void {
    for (const [stream, of] of this.#streams) if (of === tokenId) stream.end();
  }

  stop(): void {
    for (const stream of this.#streams.keys()) stream.end();
  }
}
