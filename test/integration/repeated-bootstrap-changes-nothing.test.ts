// `pmc database migrate`, `pmc topics create` and `pmc schemas register` prepare servers that somebody else runs (compose
// does it at every start): they name the servers by the environment alone, may be repeated, and say when they cannot.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { TOPIC } from '../../schemas/topics.ts';
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
  await using database = await scratchDatabase(inject('databaseUrl'), { migrate: false });
  const environment = { DATABASE_URL: database.url };
  const first = await pmc(['database', 'migrate'], environment);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^applied 0001_\w+, /), stderr: '' });
  const second = await pmc(['database', 'migrate'], environment);
  expect(second).toEqual({ code: 0, stdout: 'the database is up to date\n', stderr: '' });
});

test('topics that exist are left alone', async () => {
  const environment = { PMC_KAFKA_BROKERS: inject('brokers').join(',') };
  const answer = await pmc(['topics', 'create'], environment);
  expect(answer).toEqual({ code: 0, stdout: 'all topics exist\n', stderr: '' });
});

test('no topic is created while brokers are missing', async () => {
  const environment = { PMC_KAFKA_BROKERS: inject('brokers').join(',') };
  const answer = await pmc(['topics', 'create', '--brokers-min', '2'], environment);
  expect(answer).toMatchObject({
    code: 7,
    stdout: '',
    stderr: expect.stringContaining('has 1 of the 2 brokers wanted'),
  });
});

test('a schema that is registered keeps its id', async () => {
  const environment = { PMC_REGISTRY_URL: inject('registryUrl') };
  const first = await pmc(['schemas', 'register'], environment);
  expect(first.stdout.match(/^pmc\.[a-z.]+-value has schema \d+$/gm)).toHaveLength(Object.keys(TOPIC).length);
  expect(await pmc(['schemas', 'register'], environment)).toEqual(first);
});

test.for([
  ['database migrate', 'DATABASE_URL', `postgresql://pmc@${NOBODY}/pmc`],
  ['topics create', 'PMC_KAFKA_BROKERS', NOBODY],
  ['schemas register', 'PMC_REGISTRY_URL', `http://${NOBODY}/apis/ccompat/v7`],
])(
  '%s: a server that is away is one line that names %s, exit code 7',
  async ([line = '', variable = '', address = '']) => {
    const { code, stdout, stderr } = await pmc(line.split(' '), { [variable]: address });
    expect([code, stdout]).toEqual([7, '']);
    expect(stderr).toMatch(new RegExp(`^pmc: PMC_\\w+_UNREACHABLE: .*${NOBODY}.*${variable}.*\\n$`));
  },
);

test('without an address and without a running stack it says so', async () => {
  const home = join(tmpdir(), `pmc-no-such-folder-${randomUUID()}`);
  const answer = await pmc(['topics', 'create'], { PMC_HOME: home });
  expect(answer).toMatchObject({ code: 7, stdout: '', stderr: expect.stringContaining(`no stack runs on ${home}`) });
});
