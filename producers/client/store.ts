// Where a client keeps what must outlive it. A store is a map of texts that is changed a batch at a time: all of a batch is
// there or nothing, and it is durable when `write` returns, as far as the place can promise that.
export type Entries = ReadonlyMap<string, string>;

/** New texts by key; undefined takes the key away. */
export type Changes = ReadonlyMap<string, string | undefined>;

export interface ClientStore {
  /** Takes the store for this client alone, or fails (PMC_CLIENT_STORE_BUSY); gives everything in it. */
  readonly open: () => Promise<Entries>;
  /** Called once at a time. */
  readonly write: (changes: Changes) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Lives as long as the object: for tests, and for senders to whom a restart is a new beginning. */
export class MemoryStore implements ClientStore {
  readonly #entries = new Map<string, string>();

  readonly open = (): Promise<Entries> => Promise.resolve(new Map(this.#entries));

  readonly write = (changes: Changes): Promise<void> => {
    for (const [key, text] of changes) {
      if (text === undefined) this.#entries.delete(key);
      else this.#entries.set(key, text);
    }
    return Promise.resolve();
  };

  readonly close = (): Promise<void> => Promise.resolve();
}
