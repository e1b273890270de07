// How long the start of an embedded server is waited for: two minutes, and longer while it writes its log. A server that
// recovers what an unclean end left begins again when it is ended, so it is given the time. Pure.
export type Outlook = 'starting' | 'recovering' | 'overdue';

export const LOOK_MS = 60_000;
const LOOKS_MIN = 2;
/** What goes on for half an hour recovers nothing: it repeats itself, as a login that is refused does. */
const LOOKS_MAX = 30;

export class StartPatience {
  #looks = 0;
  #logBytes = 0;
  #outlook: Outlook = 'starting';

  get outlook(): Outlook {
    return this.#outlook;
  }

  /** Asked every LOOK_MS. */
  look(logBytes: number): Outlook {
    this.#outlook = this.#next(logBytes);
    return this.#outlook;
  }

  #next(logBytes: number): Outlook {
    const writes = logBytes !== this.#logBytes;
    this.#logBytes = logBytes;
    this.#looks += 1;
    if (this.#looks < LOOKS_MIN) return 'starting';
    return writes && this.#looks < LOOKS_MAX ? 'recovering' : 'overdue';
  }
}
