// A moment that all who wait at a time share: they go on together, in the order in which they came.
export class Moment {
  readonly #come: () => Promise<unknown>;
  #next: Promise<void> | undefined;

  /** `come` resolves when it has come; it is called by the first who waits for the next one. */
  constructor(come: () => Promise<unknown>) {
    this.#come = come;
  }

  wait(): Promise<void> {
    this.#next ??= this.#come().then(() => {
      this.#next = undefined;
    });
    return this.#next;
  }
}
