// Whether the coordinator of its group still hears a member. kafkajs asks for the coordinator when it joins and not again: where that broker
// goes away for good, each heartbeat and each commit fails, and the member goes on as if it were one. Counted are looks and not time, so that a
// process that was stopped for a while has its chance to be heard first.
const LOOK_MS = 2_000;
/** Twice the session time-out: by then it is none any more. */
const LOOKS_MAX = 10;

export class UnheardMember {
  readonly #timer: NodeJS.Timeout;
  #looks = 0;

  /** It has to be heard while it has an assignment. `onUnheard` is called again where it is not heard after that either. */
  constructor(reading: { readonly assignment: unknown }, onUnheard: () => void) {
    this.#timer = setInterval(() => {
      this.#looks = reading.assignment === undefined ? 0 : this.#looks + 1;
      if (this.#looks <= LOOKS_MAX) return;
      this.#looks = 0;
      onUnheard();
    }, LOOK_MS);
    this.#timer.unref();
  }

  heard(): void {
    this.#looks = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
