// A test's folder with one spool file, the processes that had it open one after the other, and the log that they hand on to.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { eventsOf, Spooling, type SpoolingOptions } from './spooling.testing.ts';

export class SpoolBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'spool-'));
  log = new ScriptedAppender();
  readonly #open: Spooling[] = [];

  async start(epoch = 'e1', more: Partial<SpoolingOptions> = {}): Promise<Spooling> {
    const path = join(this.folder, 'spool.sqlite');
    const opened = await Spooling.open({ path, epoch, log: this.log, ...more });
    this.#open.push(opened);
    opened.spool.start();
    return opened;
  }

  /** The numbers in the ids of a source's events, as they lie on the log. */
  async numbersOf(source: string): Promise<readonly number[]> {
    const events = await eventsOf(this.log);
    return events.filter((event) => event.source === source).map(({ id }) => Number(id?.slice(1)));
  }

  /** Looks into the file, or changes it, while nobody has it. */
  inFile<T>(sql: string, change?: true): readonly T[] {
    const db = new DatabaseSync(join(this.folder, 'spool.sqlite'));
    try {
      if (change === undefined) return db.prepare(sql).all() as unknown as readonly T[];
      db.exec(sql);
      return [];
    } finally {
      db.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#open.map((one) => one.kill().catch(() => undefined)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
