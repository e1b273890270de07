// What a service says about itself: a set of named checks, each ready or not with a reason. `main` serves it.
export interface Check {
  readonly ready: boolean;
  /** One sentence a person can act on. */
  readonly detail: string;
}

export class Health {
  readonly #checks = new Map<string, Check>();
  /** Values shown by /ready for people and the console: small, JSON-safe, no secrets. */
  readonly #facts = new Map<string, () => unknown>();

  set(name: string, ready: boolean, detail: string): void {
    this.#checks.set(name, { ready, detail });
  }

  fact(name: string, read: () => unknown): void {
    this.#facts.set(name, read);
  }

  /** Ready when there is at least one check and none is unready: a service that has checked nothing is not ready. */
  get ready(): boolean {
    return this.#checks.size > 0 && [...this.#checks.values()].every((check) => check.ready);
  }

  report(): { ready: boolean; checks: Record<string, Check>; facts: Record<string, unknown> } {
    return {
      ready: this.ready,
      checks: Object.fromEntries(this.#checks),
      facts: Object.fromEntries([...this.#facts].map(([name, read]) => [name, read()])),
    };
  }
}
