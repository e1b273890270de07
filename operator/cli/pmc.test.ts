// The command line as a process of its own, where it needs no server.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { plainEnvironment } from '../../test/support/plain-environment.ts';
import { pmcCommand } from '../../test/support/pmc-command.ts';

// Each call is a process that loads all of the command line: seconds on a machine that does other things as well.
vi.setConfig({ testTimeout: 120_000 });

const PMC = fileURLToPath(new URL('./pmc.ts', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../producers/client/main.ts', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'pmc-none-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const pmc = (...args: readonly string[]) => pmcCommand({ PMC_HOME: home }, ...args);

test('it says its version', async () => {
  expect(await pmc('--version')).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
});

test.for<[string, RegExp]>([
  ['nosuch', /^error: unknown command 'nosuch'\nusage: pmc \[options\] \[command\] \(--help says more\)\n$/],
  [
    'dlq show',
    /^error: missing required argument 'place'\nusage: pmc dlq show \[options\] <place> \(--help says more\)\n$/,
  ],
  [
    'service stop nosuch',
    /^error: unknown service 'nosuch'; known: .*\nusage: pmc service stop \[options\] <name> \(--help says more\)\n$/,
  ],
])('pmc %s: what is wrong, and the usage of that verb in one line', async ([line, stderr]) => {
  expect(await pmc(...line.split(' '))).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(stderr) });
});

test.skipIf(!existsSync('/dev/full'))('output that a full disk does not take is no success', async () => {
  const full = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(full));
  for (const program of [PMC, CLIENT]) {
    const { status, stderr } = spawnSync(process.execPath, [program, '--help'], {
      stdio: ['ignore', full, 'pipe'],
      env: { ...plainEnvironment(), PMC_HOME: home },
    });
    expect([status, stderr.toString()]).toEqual([
      1,
      expect.stringMatching(/^(pmc|client): the output is not complete: ENOSPC[^\n]*\n$/),
    ]);
  }
});

test('help that was asked for is no error', async () => {
  for (const args of [['--help'], ['help', 'dlq'], ['dlq', 'list', '--help']])
    expect(await pmc(...args)).toEqual({ code: 0, stdout: expect.stringContaining('Usage: pmc'), stderr: '' });
});

test('with no stack there is nothing to end', async () => {
  expect(await pmc('down')).toEqual({
    code: 7,
    stdout: '',
    stderr: expect.stringMatching(/^pmc: PMC_NO_STACK: no stack runs on [^\n]*\n$/),
  });
});

test.for<[string, readonly string[], Readonly<Record<string, string>>]>([
  ['of the environment', [], { PMC_KAFKA_BROKERS: '127.0.0.1:1' }],
  ['of the command', ['--bootstrap-server=127.0.0.1:1'], {}],
])(
  "a broker %s that does not answer is named before Kafka's own tools try for a minute",
  async ([, more, environment]) => {
    // A Java that does not exist: whoever came to start a tool would say so.
    const variables = { PMC_HOME: home, JAVA_HOME: '/nowhere', ...environment };
    expect(await pmcCommand(variables, 'kafka', 'topics', '--list', ...more)).toEqual({
      code: 7,
      stdout: '',
      stderr: expect.stringMatching(/^pmc: PMC_KAFKA_UNREACHABLE: [^\n]*127\.0\.0\.1:1[^\n]*\n$/),
    });
  },
);
