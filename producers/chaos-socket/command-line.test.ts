import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readSettings } from '../../service/config.ts';
import { readCommandLine } from './command-line.ts';
import { chaosSettings, profileOf, withOriginalNames } from './config.ts';
import { planHashOf } from './plan-command.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

test('flags are another way to write the environment, and win over it', () => {
  const args = ['--seed', '7', '--profile', 'busy', '--rate', '20', '--minutes', '1', '--port', '1', '--api-port', '2'];
  const invocation = readCommandLine(args, { PMC_CHAOS_SEED: '1', PMC_HOME: 'here' });
  expect(invocation).toEqual({
    do: 'serve',
    environment: {
      PMC_HOME: 'here',
      PMC_CHAOS_SEED: '7',
      PMC_CHAOS_PROFILE: 'busy',
      PMC_CHAOS_RATE: '20',
      PMC_CHAOS_MINUTES: '1',
      WS_PORT: '1',
      API_PORT: '2',
    },
  });
});

test('an unknown flag, a stray argument and a flag without value end with the usage and code 2, help with 0', () => {
  for (const args of [['--sead', '7'], ['serve'], ['--seed']]) {
    const invocation = readCommandLine(args, {});
    expect(invocation).toMatchObject({ do: 'explain', exitCode: 2 });
    expect(invocation.do === 'explain' && invocation.text).toMatch(/error: .*[\s\S]*Usage: chaos-socket/);
  }
  expect(readCommandLine(['--help'], {})).toMatchObject({ do: 'explain', exitCode: 0 });
});

test('--plan-only asks for the hash: the same for the same seed, another for another', () => {
  const hash = (seed: string) => {
    const args = ['--seed', seed, '--plan-only', '--profile', 'flood', '--minutes', '10'];
    const invocation = readCommandLine(args, {});
    expect(invocation.do).toBe('print-plan-hash');
    return invocation.do === 'explain' ? '' : planHashOf(invocation.environment);
  };
  expect(hash('7')).toMatch(/^[0-9a-f]{64}$/);
  expect(hash('7')).toBe(hash('7'));
  expect(hash('8')).not.toBe(hash('7'));
});

// Two processes.
test('--plan-only tells the seed that it drew, beside the hash, and with that seed the hash is the same', {
  timeout: 120_000,
}, async () => {
  const planOnly = async (...args: readonly string[]) =>
    await promisify(execFile)(process.execPath, [MAIN, '--plan-only', '--minutes', '1', ...args]);
  const drawn = await planOnly();
  const seed = /^seed (\d+)\n$/.exec(drawn.stderr)?.[1] ?? '';
  expect(await planOnly('--seed', seed)).toEqual({ stdout: drawn.stdout, stderr: '' });
});

test('the names of the original work, and ours win', () => {
  const profile = (environment: Record<string, string>) => profileOf(readSettings(environment, chaosSettings));
  expect(profile({})).toBe('demo');
  expect(profile({ CHAOS_PROFILE: 'idle' })).toBe('idle');
  expect(profile({ CHAOS_PROFILE: 'idle', PMC_CHAOS_PROFILE: 'busy' })).toBe('busy');
  const level = (environment: Record<string, string>) => withOriginalNames(environment)['PMC_LOG_LEVEL'];
  expect(level({ LOG_LEVEL: 'DEBUG' })).toBe('debug');
  expect(level({ LOG_LEVEL: 'verbose' })).toBe('debug');
  expect(level({ LOG_LEVEL: 'debug', PMC_LOG_LEVEL: 'error' })).toBe('error');
  expect(level({ LOG_LEVEL: 'nonsense' })).toBeUndefined();
});

test('impossible values are refused, all at once', () => {
  const wrong = { PMC_CHAOS_SEED: '-1', PMC_CHAOS_RATE: 'fast', PMC_CHAOS_MINUTES: '0', WS_PORT: '70000' };
  expect(() => readSettings(wrong, chaosSettings)).toThrow(
    /^WS_PORT .*\nPMC_CHAOS_RATE .*\nPMC_CHAOS_SEED .*\nPMC_CHAOS_MINUTES .*$/,
  );
  expect(() => readSettings({ PMC_CHAOS_SEED: '7.5' }, chaosSettings)).toThrow('PMC_CHAOS_SEED');
  expect(() => planHashOf({ PMC_CHAOS_PROFILE: 'nope' })).toThrow('busy, demo, flood, idle, moderate');
});
