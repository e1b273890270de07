// What the health report says of the database. That it answers a question is no answer to a step that it does not take, as where it is
// read-only or its disk is full: while one is being repeated it is not ready, whatever else succeeds.
export class DatabaseCheck {
  readonly #set: (isReady: boolean, detail: string) => void;
  /** Steps that failed and are tried again. */
  readonly #failing = new Map<object, string>();

  constructor(set: (isReady: boolean, detail: string) => void) {
    this.#set = set;
  }

  failed(step: object, problem: string): void {
    this.#failing.set(step, problem);
    this.#set(false, problem);
  }

  /** It has succeeded. */
  succeeded(step: object): void {
    this.#failing.delete(step);
    this.answered(undefined);
  }

  /** Nobody wants it any more, which says nothing of the database. */
  abandoned(step: object): void {
    this.#failing.delete(step);
  }

  /** A question was answered (undefined) or not. */
  answered(problem: string | undefined): void {
    const known = problem ?? [...this.#failing.values()][0];
    this.#set(known === undefined, known ?? 'answers');
  }
}
