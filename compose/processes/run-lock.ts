// One supervisor per state folder. The lock names its holder by pid and start time; a holder that no longer runs left a
// stale lock, which exactly one successor may take over (the file named after the dead holder decides which).
import { createHash } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../service/process-identity.ts';

const holderSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });
const ATTEMPTS_MAX = 5;

export interface RunLock {
  /** The supervisor that died holding the lock before us. */
  readonly stale: boolean;
  release(): void;
}

/** Takes the lock at `path` for this process, or throws PMC_ALREADY_RUNNING. */
export function acquireRunLock(path: string, home: string): RunLock {
  const own = identityOf(process.pid);
  if (own === undefined) throw new Error('cannot read the start time of this process');
  const ticket = `${path}.${process.pid}.ticket`;
  writeFileSync(ticket, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (linkExclusively(ticket, path)) return held(path, own, false);
      const before = readFile(path);
      if (before === undefined) continue;
      const holder = parseHolder(before);
      if (holder !== undefined && isAlive(holder)) throw alreadyRunning(holder, home);
      if (takeOver(ticket, path, before)) return held(path, own, true);
    }
    throw new PmcError('PMC_ALREADY_RUNNING', `another start is taking over ${path} at this moment; try again`, {
      home,
    });
  } finally {
    rmSync(ticket, { force: true });
  }
}

/** Who holds the lock at `path`, if that still runs. */
export function lockHolder(path: string): ProcessIdentity | undefined {
  const holder = parseHolder(readFile(path) ?? '');
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function takeOver(ticket: string, path: string, stale: string): boolean {
  const claim = `${path}.${createHash('sha256').update(stale).digest('hex').slice(0, 16)}.claim`;
  if (!linkExclusively(ticket, claim)) {
    const claimant = parseHolder(readFile(claim) ?? '');
    if (claimant === undefined || !isAlive(claimant)) rmSync(claim, { force: true });
    return false;
  }
  try {
    // Only the holder of the claim may replace this very content, so what is read here cannot change before the rename.
    if (readFile(path) !== stale) return false;
    linkSync(ticket, `${ticket}.new`);
    renameSync(`${ticket}.new`, path);
    return true;
  } finally {
    rmSync(claim, { force: true });
  }
}

function held(path: string, own: ProcessIdentity, stale: boolean): RunLock {
  const release = (): void => {
    if (parseHolder(readFile(path) ?? '')?.startTime === own.startTime) rmSync(path, { force: true });
  };
  return { stale, release };
}

function alreadyRunning(holder: ProcessIdentity, home: string): PmcError {
  const message = `a stack already runs on ${home} (supervisor pid ${holder.pid}); end it with \`pmc down\`, or choose another PMC_HOME`;
  return new PmcError('PMC_ALREADY_RUNNING', message, { home, pid: holder.pid });
}

function linkExclusively(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): ProcessIdentity | undefined {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
