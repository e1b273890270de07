// The way out of one connection: frames wait here for their time, for others to overtake them, or for a stall to end. It
// holds a bounded number of frames and bytes; what does not fit is counted as not sent, and so is what still waits when the
// connection ends. When and why frames wait is for the faults to say.
import type { Release } from './delivery.ts';
import type { NotSentReason } from './metrics.ts';

export interface OutletOptions<F> {
  /** Hands a frame to the socket; how long the line is busy with it. */
  readonly write: (frame: F) => number;
  readonly sizeOf: (frame: F) => number;
  readonly onDropped: (frame: F, reason: NotSentReason) => void;
  readonly framesMax: number;
  readonly bytesMax: number;
}

interface Overtaken<F> {
  readonly frame: F;
  behind: number;
  readonly timer: NodeJS.Timeout;
}

export class Outlet<F> {
  readonly #options: OutletOptions<F>;
  readonly #queue: F[] = [];
  readonly #timed = new Map<NodeJS.Timeout, F>();
  readonly #overtaken = new Set<Overtaken<F>>();
  #frames = 0;
  #bytes = 0;
  #isHeld = false;
  #held: NodeJS.Timeout | undefined;
  #heldUntilMs = 0;
  #isClosed = false;

  constructor(options: OutletOptions<F>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#frames;
  }

  /** Whether one more of the size of those that wait would be taken. */
  get hasRoom(): boolean {
    const { framesMax, bytesMax } = this.#options;
    return !this.#isClosed && this.#frames < framesMax && this.#bytes < bytesMax;
  }

  put(frame: F, release: Release): void {
    if (this.#isClosed) return this.#options.onDropped(frame, 'closed');
    // The ordinary case costs nothing: no queue, no timer.
    if (!this.#isHeld && 'afterMs' in release && release.afterMs === 0) return this.#send(frame);
    const { framesMax, bytesMax, sizeOf, onDropped } = this.#options;
    if (this.#frames >= framesMax || this.#bytes + sizeOf(frame) > bytesMax) return onDropped(frame, 'buffer-full');
    this.#frames++;
    this.#bytes += sizeOf(frame);
    if ('behindFrames' in release) this.#letOvertake(frame, release);
    else if (release.afterMs > 0) this.#after(release.afterMs, frame);
    else this.#queue.push(frame);
  }

  /** Nothing goes out for so long; then all that waited does, in order. Of several holds the one that ends last counts. */
  hold(forMs: number): void {
    const untilMs = performance.now() + forMs;
    if (this.#isClosed || (this.#isHeld && untilMs <= this.#heldUntilMs)) return;
    this.#isHeld = true;
    this.#heldUntilMs = untilMs;
    clearTimeout(this.#held);
    this.#held = setTimeout(() => this.#resume(), forMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#held);
    const waiting = [...this.#queue, ...this.#timed.values(), ...[...this.#overtaken].map(({ frame }) => frame)];
    for (const timer of this.#timed.keys()) clearTimeout(timer);
    for (const { timer } of this.#overtaken) clearTimeout(timer);
    this.#queue.length = 0;
    this.#timed.clear();
    this.#overtaken.clear();
    this.#frames = 0;
    this.#bytes = 0;
    for (const frame of waiting) this.#options.onDropped(frame, 'closed');
  }

  #after(afterMs: number, frame: F): void {
    const timer = setTimeout(() => {
      this.#timed.delete(timer);
      this.#ready(frame);
    }, afterMs);
    this.#timed.set(timer, frame);
  }

  #letOvertake(frame: F, { behindFrames, atMostMs }: { behindFrames: number; atMostMs: number }): void {
    const timer = setTimeout(() => this.#release(overtaken), atMostMs);
    const overtaken: Overtaken<F> = { frame, behind: behindFrames, timer };
    this.#overtaken.add(overtaken);
  }

  #release(overtaken: Overtaken<F>): void {
    clearTimeout(overtaken.timer);
    if (this.#overtaken.delete(overtaken)) this.#ready(overtaken.frame);
  }

  /** Its time has come; it may still have to wait for a hold to end. */
  #ready(frame: F): void {
    if (this.#isHeld) {
      this.#queue.push(frame);
      return;
    }
    this.#frames--;
    this.#bytes -= this.#options.sizeOf(frame);
    this.#send(frame);
  }

  #send(frame: F): void {
    const busyMs = this.#options.write(frame);
    if (busyMs > 0) this.hold(busyMs);
    // Those whose turn comes go behind this frame, and overtake nobody who waits as they did.
    const due = [...this.#overtaken].filter((one) => --one.behind <= 0);
    for (const one of due) this.#release(one);
  }

  #resume(): void {
    this.#isHeld = false;
    while (!this.#isHeld) {
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      this.#frames--;
      this.#bytes -= this.#options.sizeOf(frame);
      this.#send(frame);
    }
  }
}
