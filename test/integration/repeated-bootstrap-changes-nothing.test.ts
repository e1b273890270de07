// `pmc database migrate`, `pmc topics create` and `pmc schemas register` prepare servers that somebody else runs (compose
// does it at every start): they name the servers by the environment alone, may be repeated, and say when they cannot.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { scratchDatabase } from '../support/scratch-database.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
/** A port that nothing listens on. */
const NOBODY = '127.0.0.1:1';

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function pmc(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Answer> {
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [PMC, ...args], { env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

test('the database is migrated once', async () => {
  await using database = await scratchDatabase(inject('databaseUrl'));
  const environment = { DATABASE_URL: database.url };
  const first = await pmc(['database', 'migrate'], environment);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^applied 0001_/) });
  expect(await pmc(['database', 'migrate'], environment)).toMatchObject({
    code: 0,
    stdout: 'the database is up to date\n',
  });
});
