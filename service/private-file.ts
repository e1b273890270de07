// Files that hold secrets, or that another process reads while they are replaced: readable by their owner only, and replaced as
// a whole.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';

/** Writes beside the file and renames over it, so that a reader sees the old content or the new, never a part. */
export function writePrivateFile(path: string, text: string): void {
  // Containers that share a folder number their processes alike.
  const beside = `${path}.${hostname()}.${process.pid}.new`;
  const file = openSync(beside, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}
