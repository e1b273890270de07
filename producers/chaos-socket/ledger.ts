// The ground truth: one line for every frame handed to a socket and for everything else that happened to frames and
// connections, in that order, and a second file with the times. It promises that nothing is sent unrecorded: lines wait in a bounded buffer, written every 200 ms, and
// when the disk does not keep up `hasRoom` turns false and the sender must hold back. Files are limited in size and number;
// the first one is made with the first line, so that a start that fails, however often, pushes out no older run's file.
// Judging what became of the frames is left to whoever reads it.
import { access, constants, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { AppendFile } from './append-file.ts';
import type { RunIdentity } from './frame-writer.ts';
import { ledgerFile, partsToRemove, timesFile } from './ledger-files.ts';
import type { Expectation, LedgerLine, SentLine } from './verdict/ledger-line.ts';

export interface SentFrame extends Omit<SentLine, 'line' | 'run' | 'seed' | 'expect'> {
  readonly expect: Expectation;
  /** When the plan wanted it sent; the difference to sentAtMs is the simulator's own lateness. */
  readonly dueAtMs: number;
  readonly sentAtMs: number;
}

type Without<L> = L extends { line: 'sent' } ? never : Omit<L, 'run'>;
/** Anything that happened besides the sending of a frame. */
export type Note = Without<LedgerLine>;

export interface LedgerOptions {
  readonly folder: string;
  readonly identity: RunIdentity;
  readonly logger: Logger;
  readonly fileBytesMax: number;
  readonly filesMax: number;
  readonly bufferBytesMax: number;
  readonly onFilesRemoved: (files: number) => void;
  readonly onState: (isWritable: boolean, detail: string) => void;
}

interface Part {
  readonly lines: AppendFile;
  readonly times: AppendFile;
}

export class Ledger {
  readonly #options: LedgerOptions;
  /** This run's files that still exist, oldest first; the last one grows. */
  readonly #parts: { path: string; bytes: () => number }[] = [];
  #current: Part | undefined;
  #partNumber = 0;
  #lines: string[] = [];
  #times: string[] = [];
  #waitingBytes = 0;
  #isFailing = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: LedgerOptions) {
    this.#options = options;
  }

  static async open(options: LedgerOptions): Promise<Ledger> {
    try {
      await mkdir(options.folder, { recursive: true });
      await access(options.folder, constants.W_OK);
      options.onState(true, `writes to ${options.folder}`);
      return new Ledger(options);
    } catch (error) {
      const message = `cannot write the ledger in ${options.folder}; PMC_HOME moves it`;
      throw new PmcError('PMC_CHAOS_LEDGER_FAILED', message, { folder: options.folder }, { cause: error });
    }
  }

  get run(): string {
    return this.#options.identity.run;
  }

  /** The file that grows now, or will be made with the first line. */
  get path(): string {
    const { folder, identity } = this.#options;
    return join(folder, ledgerFile({ run: identity.run, part: Math.max(1, this.#partNumber) }));
  }

  get hasRoom(): boolean {
    return this.#waitingBytes < this.#options.bufferBytesMax;
  }

  append({ dueAtMs, sentAtMs, expect, ...frame }: SentFrame): void {
    const { run, seed } = this.#options.identity;
    const { connectionId, n, id } = frame;
    // What is usual is not said.
    const more = expect === 'stored' ? undefined : { expect };
    const times = { connectionId, n, id, dueAt: new Date(dueAtMs), sentAt: new Date(sentAtMs) };
    this.#take({ line: 'sent', run, seed, ...frame, ...more }, times);
  }

  note(note: Note, nowMs: number): void {
    const { line, ...about } = note;
    this.#take({ line, run: this.#options.identity.run, ...about }, { ...note, at: new Date(nowMs) });
  }

  /** The last line, where there is any: nothing follows. */
  end(nowMs: number): void {
    if (this.#partNumber === 0 && this.#lines.length === 0) return;
    this.note({ line: 'until', at: new Date(nowMs).toISOString(), ended: true }, nowMs);
  }

  /** Writes what waits; resolves when everything appended before the call is in the files, rejects when it is not. */
  flush(): Promise<void> {
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => undefined);
    return written;
  }

  /** This run's files with the bytes that are complete in them, oldest first. */
  async parts(): Promise<readonly { path: string; bytes: number }[]> {
    await this.flush();
    return this.#parts.map(({ path, bytes }) => ({ path, bytes: bytes() }));
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      if (this.#current !== undefined) await closePart(this.#current);
    }
  }

  #take(line: object, times: object): void {
    const texts = [`${JSON.stringify(line)}\n`, `${JSON.stringify(times)}\n`] as const;
    this.#lines.push(texts[0]);
    this.#times.push(texts[1]);
    this.#waitingBytes += texts[0].length + texts[1].length;
  }

  async #write(): Promise<void> {
    const { folder, onState } = this.#options;
    try {
      const { times, lines } = (await this.#partForMore()) ?? {};
      if (times === undefined || lines === undefined) return;
      const takenBytes = this.#waitingBytes;
      times.take(this.#times.join(''));
      lines.take(this.#lines.join(''));
      this.#lines = [];
      this.#times = [];
      // The times go first, so that a ledger line is never without its time.
      await times.write();
      await lines.write();
      this.#waitingBytes -= takenBytes;
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isFailing) onState(true, `writes again to ${folder}`);
    this.#isFailing = false;
  }

  /** Where the waiting lines go: the current part, or a new one when it is full or there is none. */
  async #partForMore(): Promise<Part | undefined> {
    const current = this.#current;
    if (this.#lines.length === 0) return current;
    if (current !== undefined) {
      const isFull = current.lines.writtenBytes >= this.#options.fileBytesMax;
      // What an earlier failure left over belongs to this part.
      if (!isFull || !current.lines.isComplete || !current.times.isComplete) return current;
    }
    const next = await createPart(this.#options, this.#partNumber + 1);
    this.#partNumber++;
    this.#current = next;
    this.#parts.push({ path: next.lines.path, bytes: () => next.lines.writtenBytes });
    if (current !== undefined) await closePart(current);
    await this.#removeOldFiles();
    return next;
  }

  #fail(error: unknown): never {
    const message = `cannot write the ledger in ${this.#options.folder}; nothing is sent once its buffer is full; PMC_HOME moves it`;
    if (!this.#isFailing) this.#options.logger.error({ error: describeError(error) }, 'chaos.ledger.failed');
    this.#isFailing = true;
    this.#options.onState(false, message);
    throw new PmcError('PMC_CHAOS_LEDGER_FAILED', message, {}, { cause: error });
  }

  async #removeOldFiles(): Promise<void> {
    const { folder, filesMax, logger, onFilesRemoved } = this.#options;
    const old = partsToRemove(await readdir(folder), filesMax);
    if (old.length === 0) return;
    for (const part of old) {
      await rm(join(folder, timesFile(part)), { force: true });
      await rm(join(folder, ledgerFile(part)), { force: true });
    }
    const removed = new Set(old.map((part) => join(folder, ledgerFile(part))));
    while (removed.has(this.#parts[0]?.path ?? '')) this.#parts.shift();
    onFilesRemoved(old.length);
    logger.info({ files: old.map(ledgerFile), kept: filesMax }, 'chaos.ledger.files-removed');
  }
}

async function createPart({ folder, identity }: LedgerOptions, part: number): Promise<Part> {
  const times = await AppendFile.open(join(folder, timesFile({ run: identity.run, part })));
  try {
    return { times, lines: await AppendFile.open(join(folder, ledgerFile({ run: identity.run, part }))) };
  } catch (error) {
    await times.close();
    throw error;
  }
}

async function closePart(part: Part): Promise<void> {
  await part.times.close();
  await part.lines.close();
}
