// A store in a file, for Node. SQLite keeps a batch as a whole through a kill and through a loss of power, and keeps a second client
// out for as long as this one lives.
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { PmcError } from '../../service/errors.ts';
import { makeFolder } from '../../service/make-folder.ts';
import type { Changes, ClientStore, Entries } from './store.ts';

interface Open {
  readonly database: DatabaseSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
}

const SCHEMA = `
  pragma locking_mode = exclusive;
  pragma journal_mode = wal;
  pragma synchronous = full;
  create table if not exists entries (key text primary key, text text not null) without rowid;
  begin exclusive;
  commit;`;

export class FileStore implements ClientStore {
  readonly #path: string;
  #open: Open | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  readonly open = async (): Promise<Entries> => {
    await Promise.resolve();
    return this.#attempt('opened', () => {
      makeFolder(dirname(this.#path));
      // Chats are nobody else's business.
      closeSync(openSync(this.#path, 'a', 0o600));
      const database = new DatabaseSync(this.#path);
      try {
        database.exec(SCHEMA);
        const rows = database.prepare('select key, text from entries').all();
        const put = database.prepare('insert or replace into entries (key, text) values (?, ?)');
        const remove = database.prepare('delete from entries where key = ?');
        this.#open = { database, put, remove };
        return new Map(rows.map(({ key, text }) => [String(key), String(text)]));
      } catch (error) {
        database.close();
        throw error;
      }
    });
  };

  readonly write = async (changes: Changes): Promise<void> => {
    await Promise.resolve();
    this.#attempt('written', () => {
      if (this.#open === undefined) throw new Error('it is closed');
      const { database, put, remove } = this.#open;
      database.exec('begin');
      try {
        for (const [key, text] of changes) {
          if (text === undefined) remove.run(key);
          else put.run(key, text);
        }
        database.exec('commit');
      } catch (error) {
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
    });
  };

  readonly close = (): Promise<void> => {
    this.#open?.database.close();
    this.#open = undefined;
    return Promise.resolve();
  };

  #attempt<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const code = why.includes('locked') ? 'PMC_CLIENT_STORE_BUSY' : 'PMC_CLIENT_STORE_FAILED';
      const message =
        code === 'PMC_CLIENT_STORE_BUSY'
          ? `another client uses the store ${this.#path}`
          : `the store ${this.#path} cannot be ${what}: ${why}`;
      throw new PmcError(code, message, { path: this.#path }, { cause: error });
    }
  }
}
