// The spool on disk: groups of frames that came from sources which cannot send them again, the account of each gateway epoch, and
// where streams are. SQLite with a write-ahead log; every commit is on the disk (fsync) before it returns, so a kill or a
// power failure takes nothing that was committed. One process at a time.
//
// The groups of an earlier epoch lose their body when they are on the log, and keep their numbers until the epoch is closed there:
// whoever closes it must know which of its numbers were here. A group that is damaged stays for an operator.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { PmcError } from '../../../service/errors.ts';
import type { SeqRange } from '../seq-gaps.ts';
import { type EpochAccount, EpochAccounts, type EpochNote, type EpochRow } from './epoch-accounts.ts';

export interface NewGroup extends EpochAccount {
  readonly body: Uint8Array;
  readonly frames: number;
  /** Of its frames, ascending. */
  readonly numbers: readonly SeqRange[];
}

export interface StoredGroup {
  readonly id: number;
  readonly epoch: string;
  readonly numbers: readonly SeqRange[];
  readonly bytes: number;
  /** Undefined when it is not what was written. */
  readonly body: Uint8Array | undefined;
}

export interface StoredPosition {
  readonly source: string;
  readonly stream: string;
  readonly epoch: string;
  readonly upto: number;
}

export interface SpoolState {
  /** Of processes before this one, that were not closed; oldest first. */
  readonly epochs: readonly EpochRow[];
  readonly lastId: number;
  readonly bytes: number;
  readonly groups: number;
}

/** How long whoever opens a file that another one has waits for it. */
const LOCKED_MS = 500;
const POSITIONS_MAX = 200_000;
const TRIM_EVERY = 10_000;
/** Above it, free pages are given back to the file system, so many at once. */
const FREE_PAGES_KEPT = 4_096;
const FREE_PAGES_STEP = 1_024;
const SCHEMA = `
  create table if not exists spooled (
    id integer primary key autoincrement, epoch text not null, numbers text not null, frames integer not null,
    checksum integer not null, damaged integer not null default 0, body blob
  ) strict;
  create table if not exists positions (
    source text not null, stream text not null, epoch text not null, upto integer not null, touched integer not null,
    primary key (source, stream)
  ) strict, without rowid;
  create table if not exists sources (source text primary key) strict, without rowid;
`;
/** Not known to be on the log. */
const WAITING = 'body is not null and damaged = 0';

export class SpoolFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #accounts: EpochAccounts;
  readonly #forgetOwn: StatementSync;
  readonly #forgetLeft: StatementSync;
  readonly #read: StatementSync;
  readonly #position: StatementSync;
  #forgotten = 0;
  #positionsToTrim = TRIM_EVERY;

  /** `pagesMax` bounds the file, in pages of 4 KiB; above it a write fails as on a disk that is full. */
  constructor(path: string, pagesMax?: number) {
    this.#path = path;
    const { db, accounts } = open(path);
    this.#db = db;
    this.#accounts = accounts;
    if (pagesMax !== undefined) this.#db.exec(`pragma max_page_count = ${pagesMax}`);
    this.#insert = this.#db.prepare(
      'insert into spooled (epoch, numbers, frames, checksum, body) values (?, ?, ?, ?, ?)',
    );
    const known = 'id > ? and id <= ? and damaged = 0';
    this.#forgetOwn = this.#db.prepare(`delete from spooled where ${known} and epoch = ?`);
    this.#forgetLeft = this.#db.prepare(`update spooled set body = null where ${known} and epoch <> ?`);
    this.#read = this.#db.prepare(
      `select id, epoch, numbers, checksum, body from spooled where id > ? and ${WAITING} order by id limit ?`,
    );
    this.#position = this.#db.prepare('insert or replace into positions values (?, ?, ?, ?, ?)');
  }

  /** Throws PMC_SPOOL_UNREADABLE. */
  state(): SpoolState {
    try {
      return this.#state();
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }

  #state(): SpoolState {
    const sum = this.#db
      .prepare(
        `select coalesce(sum(length(body)), 0) bytes, count(*) groups, max(id) last from spooled where ${WAITING}`,
      )
      .get();
    return {
      epochs: this.#accounts.all(),
      lastId: Number(sum?.['last'] ?? 0),
      bytes: Number(sum?.['bytes'] ?? 0),
      groups: Number(sum?.['groups'] ?? 0),
    };
  }

  /** Durable when it returns: frames of this epoch get numbers that may never come here. */
  willSpool(epoch: string): void {
    this.#accounts.willSpool(epoch);
  }

  /** Durable when it returns: the group, its epoch's account, and that all groups up to `forgetUpTo` are on the log. */
  commit(group: NewGroup, forgetUpTo: number): number {
    const { epoch, frames, numbers, body } = group;
    const id = this.#transaction(() => {
      this.#accounts.commit(group);
      this.#forget(epoch, forgetUpTo);
      return Number(this.#insert.run(epoch, JSON.stringify(numbers), frames, crc32(body), body).lastInsertRowid);
    });
    this.#forgotten = forgetUpTo;
    return id;
  }

  note(note: EpochNote, forgetUpTo: number, positions: readonly StoredPosition[], nowMs: number): void {
    this.#transaction(() => {
      this.#accounts.note(note);
      this.#forget(note.epoch, forgetUpTo);
      for (const { source, stream, epoch, upto } of positions) this.#position.run(source, stream, epoch, upto, nowMs);
      this.#trim(positions.length);
    });
    this.#forgotten = forgetUpTo;
    const free = Number(this.#db.prepare('pragma freelist_count').get()?.['freelist_count'] ?? 0);
    if (free > FREE_PAGES_KEPT) this.#db.exec(`pragma incremental_vacuum(${FREE_PAGES_STEP})`);
  }

  /** The oldest that wait. */
  read(afterId: number, groupsMax: number): readonly StoredGroup[] {
    const rows = this.#read.all(afterId, groupsMax) as unknown as {
      id: number;
      epoch: string;
      numbers: string;
      checksum: number;
      body: Uint8Array;
    }[];
    return rows.map(({ id, epoch, numbers, checksum, body }) => ({
      id,
      epoch,
      numbers: JSON.parse(numbers) as SeqRange[],
      bytes: body.length,
      body: crc32(body) === checksum ? body : undefined,
    }));
  }

  /** A damaged group: kept for an operator, and not read again. */
  setAside(id: number): void {
    this.#db.prepare('update spooled set damaged = 1 where id = ?').run(id);
  }

  /** All numbers of an epoch that ever were here, as long as it is not closed. */
  numbers(epoch: string): readonly SeqRange[] {
    const all: { from: number; to: number }[] = [];
    for (const row of this.#db.prepare('select numbers from spooled where epoch = ? order by id').iterate(epoch)) {
      for (const range of JSON.parse(String(row['numbers'])) as SeqRange[]) {
        const last = all.at(-1);
        if (last !== undefined && last.to === range.from - 1) last.to = range.to;
        else all.push({ ...range });
      }
    }
    return all;
  }

  position(source: string, stream: string): StoredPosition | undefined {
    const found = this.#db
      .prepare('select source, stream, epoch, upto from positions where source = ? and stream = ?')
      .get(source, stream);
    return found as unknown as StoredPosition | undefined;
  }

  /** The sources that were dialled from here last. */
  sources(): readonly string[] {
    return this.#db
      .prepare('select source from sources order by source')
      .all()
      .map((row) => String(row['source']));
  }

  /** Whether this source is dialled from here from now on. */
  setSource(source: string, isOurs: boolean): void {
    this.#db
      .prepare(isOurs ? 'insert or ignore into sources values (?)' : 'delete from sources where source = ?')
      .run(source);
  }

  /** The log has been told how this epoch ended. */
  closeEpoch(epoch: string): void {
    this.#transaction(() => {
      this.#accounts.forget(epoch);
      this.#db.prepare('delete from spooled where epoch = ? and damaged = 0').run(epoch);
    });
  }

  close(): void {
    this.#db.close();
  }

  /** The oldest positions go: a stream that comes back after that long is asked to send all it has. */
  #trim(written: number): void {
    this.#positionsToTrim -= written;
    if (this.#positionsToTrim > 0) return;
    this.#positionsToTrim = TRIM_EVERY;
    const surplus = 'select touched from positions order by touched desc limit 1 offset ?';
    this.#db.prepare(`delete from positions where touched < (${surplus})`).run(POSITIONS_MAX);
  }

  #forget(epoch: string, upTo: number): void {
    if (upTo <= this.#forgotten) return;
    this.#forgetOwn.run(this.#forgotten, upTo, epoch);
    this.#forgetLeft.run(this.#forgotten, upTo, epoch);
  }

  #transaction<T>(work: () => T): T {
    this.#db.exec('begin immediate');
    try {
      const result = work();
      this.#db.exec('commit');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('rollback');
      throw error;
    }
  }
}

function open(path: string): { readonly db: DatabaseSync; readonly accounts: EpochAccounts } {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: LOCKED_MS });
    // In this order: whatever reads the file before its lock is exclusive shares it, for good, with another process that has just opened it,
    // and then neither can write. The second one takes effect only before anything is written.
    db.exec('pragma locking_mode = exclusive; pragma auto_vacuum = incremental');
    db.exec('pragma journal_mode = wal; pragma synchronous = full');
    db.exec(SCHEMA);
    return { db, accounts: new EpochAccounts(db) };
  } catch (cause) {
    db?.close();
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): PmcError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const isLocked = /database is locked/.test(reason);
  const message = isLocked
    ? `the spool ${path} belongs to another running communicator; give each one its own PMC_INSTANCE`
    : `the spool ${path} cannot be opened: ${reason}; PMC_SPOOL_FOLDER names its folder`;
  return new PmcError(isLocked ? 'PMC_SPOOL_IN_USE' : 'PMC_SPOOL_UNREADABLE', message, { path }, { cause });
}
