// A file that only grows. What could not be written (a full disk) stays in order in memory and goes first next time, from
// exactly the byte where the system call stopped: a line is never written twice or torn.
import { type FileHandle, open } from 'node:fs/promises';

export class AppendFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #unwritten: Buffer[] = [];
  #writtenBytes = 0;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<AppendFile> {
    return new AppendFile(path, await open(path, 'a', 0o600));
  }

  /** Whether all that was taken is in the file. */
  get isComplete(): boolean {
    return this.#unwritten.length === 0;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Takes the text over; `write` brings it to the file. */
  take(text: string): void {
    if (text !== '') this.#unwritten.push(Buffer.from(text, 'utf8'));
  }

  /** Writes all that was taken; what is left when it throws stays for the next call. Calls must not overlap. */
  async write(): Promise<void> {
    for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
      const { bytesWritten } = await this.#handle.write(next);
      this.#writtenBytes += bytesWritten;
      if (bytesWritten === next.byteLength) this.#unwritten.shift();
      else this.#unwritten[0] = next.subarray(bytesWritten);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
