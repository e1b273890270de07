// Numbers frames and writes them to the disk in groups: as many as came while the last group was written. Bounded in numbers that are
// nowhere but in memory: above it a frame waits without one, as if its socket still had it, so that a kill takes no more. So do the
// first ones of an epoch, until the disk knows that it has such: whoever closes it after a kill would say else that all of its frames
// are sent again.
import { backoffMs, pause } from '../../../service/backoff.ts';
import { describeError } from '../../../service/errors.ts';
import type { Health } from '../../../service/health.ts';
import { killPoint } from '../../../service/kill-point.ts';
import type { Logger } from '../../../service/logger.ts';
import { within } from '../in-time.ts';
import type { Ingest, Origin } from '../ingest.ts';
import { NumberRanges } from '../number-ranges.ts';
import type { Frame } from '../parse-frame.ts';
import { type Spooled, writeGroup } from './group-body.ts';
import type { SpoolThread } from './spool-thread.ts';

/** A group as it lies on the disk. */
export interface Committed {
  readonly id: number;
  readonly bytes: number;
  readonly spooled: readonly Spooled[];
}

export interface GroupCommitOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly ingest: Pick<Ingest, 'receipt' | 'ends'>;
  readonly gatewayEpoch: string;
  /** Frames that may be numbered and not yet on the disk. */
  readonly unsyncedMax: number;
  readonly logger: Logger;
  readonly health: Health;
  /** Up to where nobody who finds this spool has to ask what became of a number. */
  readonly safeUpTo: () => number;
  /** All groups up to this one are on the log. */
  readonly forgetUpTo: () => number;
  readonly onCommitted: (group: Committed) => void;
}

const GROUP_FRAMES_MAX = 2_048;
const GROUP_BYTES_MAX = 1_048_576;
const COMMIT_BACKOFF = { initialMs: 100, maxMs: 5_000 };

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** Came above `unsyncedMax`, or before the disk knew of any, oldest first; at most what the paused sockets had read. */
  readonly #held: { readonly frame: Frame; readonly from: Origin }[] = [];
  /** Numbered, not yet on the disk. */
  readonly #group: Spooled[] = [];
  /** The disk knows that this epoch has frames that nobody sends again. */
  #isKnown = false;
  #committing: Promise<void> | undefined;
  readonly #givingUp = new AbortController();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Frames that are not on the disk; as many as there may be while the first ones wait for it, so that no more are read. */
  get unsynced(): number {
    const frames = this.#group.length + this.#held.length;
    return this.#isKnown || frames === 0 ? frames : this.#options.unsyncedMax;
  }

  add(frame: Frame, from: Origin): void {
    const isFull = this.#held.length > 0 || this.#group.length >= this.#options.unsyncedMax;
    if (isFull || !this.#isKnown) this.#held.push({ frame, from });
    else this.#number(frame, from);
    this.#committing ??= this.#commitAll();
  }

  /**
   * All that was added is on the disk. Frames that the disk does not take for `waitMs` are handed back, for a process that ends, also
   * while the disk has not even said that it fails: what it has taken after all is there once more, under the same numbers.
   */
  async synced(waitMs?: number): Promise<readonly Spooled[]> {
    const committed = this.#allCommitted();
    if (waitMs === undefined) await committed;
    else if (!(await within(waitMs, committed))) this.#givingUp.abort();
    for (const { frame, from } of this.#held.splice(0)) this.#number(frame, from);
    return this.#group.splice(0);
  }

  async #allCommitted(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing;
  }

  #number(frame: Frame, from: Origin): void {
    this.#group.push({ receipt: this.#options.ingest.receipt(from), frame });
    killPoint('communicator.numbered');
  }

  #numberHeld(): void {
    const room = this.#options.unsyncedMax - this.#group.length;
    for (const { frame, from } of this.#held.splice(0, room)) this.#number(frame, from);
  }

  async #commitAll(): Promise<void> {
    const { logger, health } = this.#options;
    const { signal } = this.#givingUp;
    // Frames of the same turn of the event loop share a group.
    await new Promise((resolve) => setImmediate(resolve));
    for (let attempt = 1; this.unsynced > 0 && !signal.aborted; ) {
      const isWritten = this.#isKnown ? this.#commit() : this.#willSpool();
      const goOn = await isWritten.catch((error: unknown) => {
        health.set('spool', false, `frames cannot be written to the spool: ${describeError(error)}`);
        logger.error({ error: describeError(error), attempt }, 'communicator.spool.failed');
      });
      // Its frames were handed back meanwhile.
      if (signal.aborted) break;
      if (goOn === undefined) {
        await pause(backoffMs(attempt, COMMIT_BACKOFF), signal);
        attempt += 1;
        continue;
      }
      if (attempt > 1) health.set('spool', true, 'the spool takes frames');
      attempt = 1;
      goOn();
    }
    this.#committing = undefined;
  }

  #next(): readonly Spooled[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#group) {
      if (count === GROUP_FRAMES_MAX || bytes >= GROUP_BYTES_MAX) break;
      bytes += frame.bytes.length;
      count += 1;
    }
    return this.#group.slice(0, count);
  }

  /** What follows when the disk has it. */
  async #willSpool(): Promise<() => void> {
    const { thread, gatewayEpoch: epoch } = this.#options;
    await thread.call('willSpool', { epoch });
    return () => {
      this.#isKnown = true;
      this.#numberHeld();
    };
  }

  async #commit(): Promise<() => void> {
    const spooled = this.#next();
    const body = writeGroup(spooled);
    const bytes = body.byteLength;
    const { thread, ingest, gatewayEpoch: epoch, safeUpTo, forgetUpTo } = this.#options;
    const numbers = new NumberRanges();
    for (const { receipt } of spooled) numbers.add(receipt.ingestSeq);
    const settledUpTo = safeUpTo();
    const numberedUpTo = spooled.at(-1)?.receipt.ingestSeq ?? 0;
    const account = { epoch, settledUpTo, numberedUpTo, ends: ingest.ends };
    const group = { ...account, frames: spooled.length, numbers: numbers.ranges, body };
    const id = await thread.call('commit', { group, forgetUpTo: forgetUpTo() }, [body.buffer]);
    return () => this.#committed({ id, bytes, spooled });
  }

  #committed(group: Committed): void {
    killPoint('communicator.spooled');
    this.#group.splice(0, group.spooled.length);
    this.#numberHeld();
    this.#options.onCommitted(group);
  }
}
