// Files that hold secrets or decide what may be signalled: readable by their owner only, replaced as a whole.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

/** Writes beside the file and renames over it, so that a reader sees the old content or the new, never a part. */
export function writePrivateFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.new`;
  const file = openSync(beside, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}
