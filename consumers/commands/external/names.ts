// From names to addresses, as everything else on this machine finds them (/etc/hosts included). Node has two threads for that, which all of the
// process shares, and a lookup holds one until the resolver itself gives up, 10 to 30 s later, whoever still waits for it. So each name
// is looked up once at a time and one name after the other; beside one that hangs at most one more, and none that hung before.
import dns from 'node:dns';
import type { Address } from './address.ts';

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

export async function lookUp(host: string): Promise<readonly Address[]> {
  const found = await dns.promises.lookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

/** The name was not looked up: what it says is about other names. */
export class LookupsBusyError extends Error {
  constructor() {
    super('it is not looked up while other names get no answer');
  }
}

/** The others wait for so long, and no longer. Most answers come within a few milliseconds. */
const HANGS_FROM_MS = 500;
/** That Node has for lookups: half of its four. */
const THREADS = 2;

export class NameLookups {
  readonly #lookUp: Resolve;
  /** Under way or waiting for their turn. */
  readonly #asked = new Map<string, Promise<readonly Address[]>>();
  readonly #hanging = new Set<string>();
  /** Of those that hung and were not found. There are as many names as endpoints were declared. */
  readonly #hungBefore = new Set<string>();
  /** Resolves when the last one that was asked for has its answer, or hangs. */
  #turn: Promise<void> = Promise.resolve();

  constructor(lookUpName: Resolve) {
    this.#lookUp = lookUpName;
  }

  readonly resolve: Resolve = (host) => {
    const asked = this.#asked.get(host) ?? this.#inTurn(host).finally(() => this.#asked.delete(host));
    this.#asked.set(host, asked);
    return asked;
  };

  async #inTurn(host: string): Promise<readonly Address[]> {
    const before = this.#turn;
    const { promise, resolve: pass } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      if (this.#hanging.size >= (this.#hungBefore.has(host) ? 1 : THREADS)) throw new LookupsBusyError();
      return await this.#outcomeOf(host, pass);
    } finally {
      pass();
    }
  }

  async #outcomeOf(host: string, pass: () => void): Promise<readonly Address[]> {
    const late = setTimeout(() => {
      this.#hanging.add(host);
      this.#hungBefore.add(host);
      pass();
    }, HANGS_FROM_MS);
    try {
      const found = await this.#lookUp(host);
      this.#hungBefore.delete(host);
      return found;
    } catch (error) {
      if (!this.#hanging.has(host)) this.#hungBefore.delete(host);
      throw error;
    } finally {
      clearTimeout(late);
      this.#hanging.delete(host);
    }
  }
}
