import { expect, test } from 'vitest';
import type { StackStatus } from '../supervisor/stack-status.ts';
import { statusText, withoutPassword } from './status-text.ts';

const status: StackStatus = {
  schemaVersion: 1,
  ready: false,
  home: '/x/.pmc',
  supervisor: { pid: 1 },
  services: [
    {
      name: 'commands',
      pid: 12,
      state: 'running',
      restarts: 2,
      healthUrl: 'http://h',
      ready: false,
      lastExit: { reason: 'exit code 1', lastLine: 'boom' },
    },
    { name: 'console', pid: null, state: 'backoff', restarts: 0, healthUrl: null, ready: false, lastExit: null },
  ],
  servers: [],
  kafka: { brokers: ['a:1'], registryUrl: 'http://r' },
  database: { url: 'postgresql://pmc:secret@127.0.0.1:1/pmc' },
  gateway: { url: 'ws://g' },
  console: { url: 'http://c' },
  simulator: null,
};

test('the table says what runs, why something ended, and keeps the password to itself', () => {
  const text = statusText(status);
  expect(text).toMatch(/^not ready\n/);
  expect(text).toMatch(/^commands\s+running, not ready\s+12\s+2\s+http:\/\/h\s+exit code 1: boom$/m);
  expect(text).toMatch(/^console\s+backoff\s+-\s+0/m);
  expect(text).toContain('postgresql://pmc@127.0.0.1:1/pmc');
  expect(text).not.toContain('secret');
});

test.for([
  ['postgres://u:p@h:1/d', 'postgres://u@h:1/d'],
  ['postgres://h:5432/d', 'postgres://h:5432/d'],
  ['postgres://u@h:1/d', 'postgres://u@h:1/d'],
  ['postgresql://u:se@cret@h/d', 'postgresql://u@h/d'],
  ['postgresql://:secret@h/d', 'postgresql://h/d'],
  ['postgresql://h/d?user=u&password=secret', 'postgresql://h/d?user=u'],
  ['postgresql://h/d?sslpassword=secret&sslkey=k&PASSWORD=secret', 'postgresql://h/d?sslkey=k'],
])('only a password is taken out of %s', ([url = '', shown]) => {
  expect(withoutPassword(url)).toBe(shown);
});
