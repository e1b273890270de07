import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readSupervisorConfig } from './config.ts';
import { checkServiceSettings } from './service-settings.ts';
import { activeServices, serviceEnvironment } from './services.ts';

const addresses = { brokers: ['a:1'], registryUrl: 'http://r/', databaseUrl: 'postgresql://d/' };
const secrets = { home: '/x/.pmc', consoleToken: 'a-console-token-of-a-test', controlToken: 'control' };

function check(environment: Record<string, string>): void {
  const config = readSupervisorConfig(environment);
  const told = { config, addresses, secrets };
  checkServiceSettings(activeServices(config), (name) => serviceEnvironment(name, environment, told));
}

test('what the supervisor tells its services, each of them takes', () => {
  expect(() => check({})).not.toThrow();
  expect(() => check({ PMC_HOST: '0.0.0.0' })).not.toThrow();
  expect(() => check({ PMC_CHAOS_PROFILE: 'flood', PMC_CHAOS_CONNECTIONS: '3' })).not.toThrow();
});

test('every wrong variable of every service is named, once', () => {
  const wrong = {
    ...{ PMC_INFLIGHT_MAX: '1', PMC_PERSISTENCE_BATCH_ROWS: 'x', PMC_COMMAND_LANGUAGE: 'xx', PMC_CHAOS_RATE: 'fast' },
    ...{ PMC_AUDIT_INTERVAL_MS: 'soon', PMC_LOG_LEVEL: 'info' },
  };
  const message =
    /^PMC_INFLIGHT_MAX .*\nPMC_PERSISTENCE_BATCH_ROWS .*\nPMC_COMMAND_LANGUAGE .*\nPMC_AUDIT_INTERVAL_MS .*\nPMC_CHAOS_RATE .*$/;
  expect(() => check(wrong)).toThrow(expect.objectContaining({ code: 'PMC_CONFIG_INVALID' }));
  expect(() => check(wrong)).toThrow(message);
  expect(() => check({ PMC_CHAOS_CONNECTIONS: 'many' })).toThrow(/^PMC_CHAOS_CONNECTIONS must be [^\n]*$/);
});

test('files and names that settings name are looked at', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file.yaml');
  writeFileSync(file, 'nonsense: [');
  for (const [code, environment] of [
    ['PMC_CHAOS_PROFILE_UNKNOWN', { PMC_CHAOS_PROFILE: 'nosuch' }],
    ['PMC_CHAOS_SCHEDULE_INVALID', { PMC_CHAOS_SCHEDULE: file }],
    ['PMC_COMMANDS_FILE_INVALID', { PMC_COMMANDS_FILE: file }],
    ['PMC_CONFIG_INVALID', { PMC_SOURCES: 'ws://a,ws://a' }],
    ['PMC_CONFIG_INVALID', { PMC_HOST: '0.0.0.0', PMC_CHAOS_TOKEN: 'short' }],
  ] as const)
    expect(() => check(environment), code).toThrow(expect.objectContaining({ code }));
});

test('a service that is not started is not asked', () => {
  expect(() => check({ PMC_SOURCES: 'ws://a', PMC_CHAOS_PROFILE: 'nosuch', PMC_CHAOS_RATE: 'fast' })).not.toThrow();
});
