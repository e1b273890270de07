// Work in lanes: one piece at a time within a lane, in the order of the calls; lanes do not hold up each other. An appender has
// a lane per partition, which is what keeps it from both silent losses of an idempotent producer (docs/log-clients.md).
export class Lanes {
  readonly #tails = new Map<string, Promise<unknown>>();
  #unsettled = 0;

  /** Pieces of work that have not ended, those that wait for their turn included. */
  get unsettled(): number {
    return this.#unsettled;
  }

  async run<T>(lane: string, work: () => Promise<T>): Promise<T> {
    this.#unsettled += 1;
    const before = this.#tails.get(lane);
    const result = before === undefined ? work() : before.then(work);
    const tail = result.then(ignore, ignore);
    this.#tails.set(lane, tail);
    try {
      return await result;
    } finally {
      this.#unsettled -= 1;
      if (this.#tails.get(lane) === tail) this.#tails.delete(lane);
    }
  }

  /** Resolves when all work taken before the call has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}

function ignore(): void {
  // The caller of run() has the outcome; the lane only has to know that it is over.
}
