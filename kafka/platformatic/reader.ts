// A consumer-group reader on @platformatic/kafka: its membership and its fetches, kept together by kafka/reading.ts. Nothing of it
// is ever ended by an error of a handler or of a broker; what waiting cannot cure is reported through `onFatal`.
import type { ClientOptions } from '../client-options.ts';
import type { Offset, Reader, TopicPartition } from '../log.ts';
import { Reading, type ReadingOptions } from '../reading.ts';
import { AssignedReading } from './assigned-reading.ts';
import { Fetching } from './fetching.ts';
import { commitAs, GroupCommits, type Member } from './group-commits.ts';
import { Membership } from './membership.ts';

export interface PlatformaticReaderOptions extends ReadingOptions, ClientOptions {}

class PlatformaticReader implements Reader {
  readonly #options: PlatformaticReaderOptions;
  readonly #reading: Reading;
  readonly #membership: Membership;
  readonly #running = new Set<Promise<void>>();
  #current: AssignedReading | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: PlatformaticReaderOptions) {
    this.#options = options;
    this.#reading = new Reading({ ...options, onGrown: () => this.#membership.rejoin('more partitions') });
    this.#membership = new Membership({
      ...options,
      onJoined: (partitions, member) => this.#joined(partitions, member),
      onLost: (reason) => this.#reading.lose(reason),
      onHeartbeat: () => {
        // With nothing to fetch, this is all that a broker answers.
        if (this.#reading.assigned.every((one) => this.#reading.isPaused(one))) this.#reading.progressed();
      },
    });
  }

  get assigned(): readonly TopicPartition[] {
    return this.#reading.assigned;
  }

  get silentMs(): number | undefined {
    return this.#reading.silentMs;
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#reading.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#reading.resume(partitions);
    this.#current?.wake();
  }

  seek(to: TopicPartition, offset: Offset): void {
    this.#reading.seek(to, offset);
    this.#current?.seek(to, offset);
  }

  start(): void {
    this.#reading.start();
    this.#membership.start();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#reading.stop();
    // A commit that is on its way reaches the coordinator before the goodbye: both take the same connection.
    await Promise.all(this.#running);
    await this.#membership.stop();
  }

  #joined(partitions: readonly TopicPartition[], member: Member): void {
    if (this.#stopped !== undefined) return;
    const { admin, logger } = this.#options;
    const reading = this.#reading;
    reading.assign(partitions);
    const { assignment } = reading;
    if (assignment === undefined) return;
    const commits = new GroupCommits({
      logger,
      lost: assignment.lost.signal,
      send: (offsets) => commitAs(member, offsets),
      onFenced: () => {
        if (reading.assignment === assignment) reading.lose('fenced');
      },
    });
    const fetching = new Fetching({
      ...this.#options,
      ends: (topic, only) => admin.ends(topic, only),
      onProgress: () => reading.progressed(),
    });
    const current = new AssignedReading({ reading, assignment, fetching, commits, logger });
    this.#current = current;
    const run = current.run().finally(() => this.#running.delete(run));
    this.#running.add(run);
  }
}

/** Starts a reader; it joins its group in the background. */
export function startPlatformaticReader(options: PlatformaticReaderOptions): Promise<Reader> {
  const reader = new PlatformaticReader(options);
  reader.start();
  return Promise.resolve(reader);
}
