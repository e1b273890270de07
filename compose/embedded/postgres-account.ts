// Who runs PostgreSQL, which refuses to be root. As an ordinary user: that user. As root: the account `postgres`, created
// if missing. Where that account may not enter a folder on the way (a clone under /root, a state folder made by
// `mktemp -d`), it is given the one capability that is needed to pass, by setpriv; without that there is a clear line.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PmcError } from '../../service/errors.ts';

export interface Account {
  /** Undefined: the user who runs this process. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** The command that changes to the user while keeping a capability; empty where changing the user is enough. */
  readonly prefix: readonly string[];
}

const USER = 'postgres';
/** The first gives least; the second is what a default container has. */
const CAPABILITIES = ['dac_read_search', 'dac_override'];

export function postgresAccount(paths: readonly string[]): Account {
  if (process.getuid?.() !== 0) return { user: undefined, prefix: [] };
  const user = existingUser() ?? createUser();
  const { uid, gid } = user;
  const closed = paths.map((path) => closedFolder(path, uid, gid)).find((folder) => folder !== undefined);
  if (closed === undefined) return { user, prefix: [] };
  for (const capability of CAPABILITIES) {
    const privileges = ['--inh-caps', `+${capability}`, '--ambient-caps', `+${capability}`];
    const prefix = ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', ...privileges, '--'];
    if (run([...prefix, 'true']).succeeded) return { user, prefix };
  }
  const message = `PostgreSQL must not run as root, and its user ${USER} may not enter ${closed}; run \`chmod o+x ${closed}\`, or start as another user, or move the project or PMC_HOME, or set DATABASE_URL`;
  throw new PmcError('PMC_PREFLIGHT_FAILED', message, { folder: closed });
}

/** The topmost existing folder on the way to `path` that the user may not enter. */
export function closedFolder(path: string, uid: number, gid: number): string | undefined {
  const above = dirname(path);
  const higher = above === path ? undefined : closedFolder(above, uid, gid);
  if (higher !== undefined) return higher;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory()) return undefined;
  const enter = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
  return (found.mode & enter) === 0 ? path : undefined;
}

function existingUser(): { uid: number; gid: number } | undefined {
  const uid = run(['id', '-u', USER]);
  const gid = run(['id', '-g', USER]);
  return uid.succeeded && gid.succeeded ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : undefined;
}

function createUser(): { uid: number; gid: number } {
  run(['groupadd', '--system', USER]);
  const { stderr } = run(['useradd', '--system', '-g', USER, '--no-create-home', USER]);
  const created = existingUser();
  if (created !== undefined) return created;
  const message = `PostgreSQL must not run as root, and its user ${USER} could not be created (${stderr.trim() || 'useradd is missing'}); create it, start as another user, or set DATABASE_URL`;
  throw new PmcError('PMC_PREFLIGHT_FAILED', message);
}

function run([command = '', ...args]: readonly string[]): { succeeded: boolean; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { succeeded: status === 0, stdout: stdout ?? '', stderr: stderr ?? '' };
}
