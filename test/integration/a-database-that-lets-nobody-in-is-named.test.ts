// Excludes: a wrong login of the database that is called unreachable, that a start waits for for ever, or that something is started
// on; a password in what is said about it.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, inject, onTestFinished, test } from 'vitest';
import { DatabaseQueries } from '../../operator/console/queries.ts';
import { createPool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { ServiceProcess } from '../support/service-process.ts';
import { scratchHome, scratchPorts } from '../support/stand-in-run.ts';

const WRONG = 'not-the-password';
const home = scratchHome();
afterAll(() => rmSync(home, { recursive: true, force: true }));

function changed(change: (url: URL) => void): string {
  const url = new URL(inject('databaseUrl'));
  change(url);
  return url.href;
}

const wrongPassword = () => changed((url) => (url.password = WRONG));

/** The server itself hangs up after a minute, each time. */
const HANGS_MS = 50_000;

const REFUSALS: readonly [what: string, url: () => string, code: string, exitCode: number][] = [
  ['a wrong password', wrongPassword, 'PMC_DATABASE_AUTHENTICATION', 5],
  ['no password', () => changed((url) => (url.password = '')), 'PMC_DATABASE_AUTHENTICATION', 5],
  ['a database that does not exist', () => changed((url) => (url.pathname = '/nosuch')), 'PMC_DATABASE_MISSING', 4],
];

// One for each way in which a command connects: a client, a pool, the migrations.
const COMMANDS = [
  ['dlq', 'list'],
  ['token', 'list'],
  ['database', 'migrate'],
];

const CASES = REFUSALS.flatMap(([what, ...refusal]) =>
  COMMANDS.map((command) => [what, command.join(' '), ...refusal] as const),
);

test.for(CASES)(
  '%s is one line of `pmc %s` with its own code and exit code',
  { timeout: HANGS_MS },
  async ([, command, url, code, exitCode]) => {
    const answer = await pmcCommand({ DATABASE_URL: url() }, ...command.split(' '));
    expect(answer).toMatchObject({ code: exitCode, stdout: '' });
    expect(answer.stderr).toMatch(new RegExp(`^pmc: ${code}: PostgreSQL at [^\n]*DATABASE_URL[^\n]*\n$`));
    expect(answer.stderr).not.toContain(WRONG);
  },
);

test('`pmc up` starts nothing where it is not let in', async () => {
  const servers = { PMC_KAFKA_BROKERS: inject('brokers').join(','), PMC_REGISTRY_URL: inject('registryUrl') };
  const variables = { ...servers, DATABASE_URL: wrongPassword(), PMC_HOME: home, ...(await scratchPorts()) };
  const { code, stderr } = await pmcCommand(variables, 'up');
  expect(code).toBe(5);
  expect(stderr).toMatch(/^pmc: PMC_DATABASE_AUTHENTICATION: /);
  expect(existsSync(join(home, 'run', 'processes.json'))).toBe(false);
});

test.for(['persistence', 'commands', 'gap-detector'] as const)(
  '%s ends at its start, for its supervisor to say so',
  async (name) => {
    const service = ServiceProcess.start(name, {
      PMC_KAFKA_BROKERS: inject('brokers').join(','),
      PMC_REGISTRY_URL: inject('registryUrl'),
      DATABASE_URL: wrongPassword(),
      PMC_SCHEMA_CACHE: join(home, 'schemas'),
    });
    onTestFinished(() => service.stop('SIGKILL').then(() => undefined));
    expect(await service.ended).toEqual({ code: 5, signal: null });
    expect(service.log).toMatch(/"level":"fatal".*"error":"PMC_DATABASE_AUTHENTICATION: PostgreSQL at /);
    expect(service.log).not.toContain(WRONG);
  },
);

test('the console, which serves without a database, says what is wrong with it', async () => {
  const pool = createPool(wrongPassword(), createLogger('test', 'silent'), 1);
  try {
    const asked = new DatabaseQueries(pool, wrongPassword()).facts();
    await expect(asked).rejects.toMatchObject({ code: 'PMC_DATABASE_AUTHENTICATION' });
  } finally {
    await pool.end();
  }
});
