// A store in a page or a worker: an IndexedDB of its own, behind a lock that keeps other tabs out. Its writes ask the browser to have
// them on disk before it says that they are done.
import { PmcError } from '../../service/errors.ts';
import type { Changes, ClientStore, Entries } from './store.ts';

// The project is checked with Node's types; these are the parts of the browser that are used here.
interface Request<T> {
  readonly result: T;
  readonly error: Error | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
  onupgradeneeded?: (() => void) | null;
}

interface ObjectStore {
  put(text: string, key: string): void;
  delete(key: string): void;
  getAllKeys(): Request<string[]>;
  getAll(): Request<string[]>;
}

interface Transaction {
  readonly error: Error | null;
  oncomplete: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): ObjectStore;
}

interface Database {
  createObjectStore(name: string): void;
  transaction(name: string, mode: 'readonly' | 'readwrite', options: { durability: 'strict' }): Transaction;
  close(): void;
}

interface Browser {
  readonly indexedDB?: { open(name: string, version: number): Request<Database> };
  readonly navigator?: {
    readonly locks?: {
      request(name: string, options: { signal: AbortSignal }, held: () => Promise<void>): Promise<void>;
    };
  };
}

const ENTRIES = 'entries';
/** A page that is loaded again waits for its old self to let go. */
const LOCK_MS = 3_000;

export class BrowserStore implements ClientStore {
  readonly #name: string;
  #database: Database | undefined;
  #release: (() => void) | undefined;

  constructor(name: string) {
    this.#name = `pmc-client/${name}`;
  }

  readonly open = async (): Promise<Entries> => {
    const { indexedDB, navigator } = globalThis as unknown as Browser;
    if (indexedDB === undefined || navigator?.locks === undefined)
      throw this.#failed('is not to be had here: it needs IndexedDB, and a page from https: or from this machine');
    await this.#lock(navigator.locks);
    try {
      const opening = indexedDB.open(this.#name, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(ENTRIES);
      this.#database = await done(opening);
      const entries = this.#database.transaction(ENTRIES, 'readonly', { durability: 'strict' }).objectStore(ENTRIES);
      const [keys, texts] = await Promise.all([done(entries.getAllKeys()), done(entries.getAll())]);
      return new Map(keys.map((key, index) => [key, texts[index] ?? '']));
    } catch (error) {
      await this.close();
      throw this.#failed('cannot be opened', error);
    }
  };

  readonly write = async (changes: Changes): Promise<void> => {
    try {
      if (this.#database === undefined) throw new Error('it is closed');
      const transaction = this.#database.transaction(ENTRIES, 'readwrite', { durability: 'strict' });
      const entries = transaction.objectStore(ENTRIES);
      for (const [key, text] of changes) {
        if (text === undefined) entries.delete(key);
        else entries.put(text, key);
      }
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onerror = () => reject(transaction.error ?? new Error('it was refused'));
        transaction.onabort = () => reject(transaction.error ?? new Error('it was aborted'));
      });
    } catch (error) {
      throw this.#failed('cannot be written', error);
    }
  };

  readonly close = (): Promise<void> => {
    this.#database?.close();
    this.#database = undefined;
    this.#release?.();
    this.#release = undefined;
    return Promise.resolve();
  };

  /** Held until `close`, or until the page is gone. */
  async #lock(locks: NonNullable<NonNullable<Browser['navigator']>['locks']>): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const held = (): Promise<void> => {
        resolve();
        return new Promise((release) => {
          this.#release = release;
        });
      };
      locks.request(this.#name, { signal: AbortSignal.timeout(LOCK_MS) }, held).catch(() => {
        reject(new PmcError('PMC_CLIENT_STORE_BUSY', `another tab uses the store ${this.#name}`));
      });
    });
  }

  #failed(what: string, cause?: unknown): PmcError {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    return new PmcError(
      'PMC_CLIENT_STORE_FAILED',
      `the store ${this.#name} ${what}${why}`,
      { name: this.#name },
      { cause },
    );
  }
}

function done<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });
}
