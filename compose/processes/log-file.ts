// The log of a child process: appended to across restarts, bounded by starting a new file and keeping one old.
import { closeSync, copyFileSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs';

export const LOG_SIZE_MAX_BYTES = 50 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/**
 * Moves a log that has grown over the limit to `<path>.1`. It copies and truncates, because a running child keeps the
 * file open; lines written between the two are lost from the log, which is the one place where that is acceptable.
 */
export function limitLogFile(path: string, sizeMaxBytes = LOG_SIZE_MAX_BYTES): boolean {
  if (sizeOf(path) <= sizeMaxBytes) return false;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  return true;
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The end of the log, at most 16 KiB and nothing before `fromByte` (which a new file makes meaningless: then all of it). */
export function tailOf(path: string, fromByte = 0): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const from = Math.max(fromByte > size ? 0 : fromByte, size - TAIL_BYTES);
    const buffer = Buffer.alloc(size - from);
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, from));
  } finally {
    closeSync(file);
  }
}
