// The accounts of gateway epochs in the spool's file: how far each had come, for whoever closes it when its process is dead.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EndOffset, SettledRange } from '../../../schemas/generated.ts';

export interface EpochAccount {
  readonly epoch: string;
  /** Every number up to this one is on the log, or settled elsewhere: named in a checkpoint that is there, or in the note. */
  readonly settledUpTo: number;
  /** Every number up to this one that a frame of the spool could have is in it, or settled. */
  readonly numberedUpTo: number;
  /** Behind all that its process has appended of the settled ones. */
  readonly ends: readonly EndOffset[];
}

export interface EpochNote extends EpochAccount {
  /** What of the settled numbers is on no topic, and the log need not know yet. */
  readonly elsewhere: readonly SettledRange[];
}

export interface EpochRow extends EpochNote {
  /** Whether the epoch ever had a frame that its source could not send again; known before the first one has its number. */
  readonly hasSpooled: boolean;
}

// `endings` is a table of its own: a file of the version before has none, and that version can still open one of this.
const SCHEMA = `
  create table if not exists epochs (
    epoch text primary key, settled_up_to integer not null, numbered_up_to integer not null, has_spooled integer not null
  ) strict, without rowid;
  create table if not exists endings (
    epoch text primary key, ends text not null, elsewhere text not null default '[]'
  ) strict, without rowid;
`;

export class EpochAccounts {
  readonly #db: DatabaseSync;
  readonly #account: StatementSync;
  readonly #ending: StatementSync;
  readonly #elsewhere: StatementSync;
  readonly #willSpool: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#db.exec(SCHEMA);
    this.#account = this.#db.prepare(`
      insert into epochs values (?, ?, ?, ?)
      on conflict do update set settled_up_to = max(settled_up_to, excluded.settled_up_to),
        numbered_up_to = max(numbered_up_to, excluded.numbered_up_to),
        has_spooled = max(has_spooled, excluded.has_spooled)`);
    this.#ending = this.#db.prepare(`
      insert into endings (epoch, ends) values (?, ?) on conflict do update set ends = excluded.ends`);
    this.#elsewhere = this.#db.prepare('update endings set elsewhere = ? where epoch = ?');
    this.#willSpool = this.#db.prepare(`
      insert into epochs values (?, 0, 0, 1) on conflict do update set has_spooled = 1`);
  }

  willSpool(epoch: string): void {
    this.#willSpool.run(epoch);
  }

  /** With a group of frames, in one transaction; what the last note names stays. */
  commit(account: EpochAccount): void {
    this.#write(account, true);
  }

  /** To be called within a transaction. */
  note(note: EpochNote): void {
    this.#write(note, false);
    this.#elsewhere.run(JSON.stringify(note.elsewhere), note.epoch);
  }

  #write({ epoch, settledUpTo, numberedUpTo, ends }: EpochAccount, hasSpooled: boolean): void {
    this.#account.run(epoch, settledUpTo, numberedUpTo, hasSpooled ? 1 : 0);
    this.#ending.run(epoch, JSON.stringify(ends));
  }

  /** Oldest first. */
  all(): readonly EpochRow[] {
    const rows = this.#db.prepare('select * from epochs left join endings using (epoch) order by epoch').all();
    return rows.map((row) => ({
      epoch: String(row['epoch']),
      settledUpTo: Number(row['settled_up_to']),
      numberedUpTo: Number(row['numbered_up_to']),
      ends: JSON.parse(String(row['ends'] ?? '[]')) as readonly EndOffset[],
      elsewhere: JSON.parse(String(row['elsewhere'] ?? '[]')) as readonly SettledRange[],
      hasSpooled: row['has_spooled'] === 1,
    }));
  }

  /** To be called within a transaction. */
  forget(epoch: string): void {
    for (const table of ['epochs', 'endings']) this.#db.prepare(`delete from ${table} where epoch = ?`).run(epoch);
  }
}
