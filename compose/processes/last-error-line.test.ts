import { expect, test } from 'vitest';
import { lastErrorLine } from './last-error-line.ts';

const ended = { wasKilled: false };

test('a structured error is shown by event and error, before later lines that are none', () => {
  const log = [
    '{"level":"fatal","event":"service.failed","error":"PMC_PORT_TAKEN: port 1 is taken"}',
    '{"level":"info","event":"service.stopped"}',
  ].join('\n');
  expect(lastErrorLine(log, ended)).toBe('service.failed: PMC_PORT_TAKEN: port 1 is taken');
});

test('of a plain log the line that speaks of an error, not the stack below it', () => {
  const log = 'starting\njava.net.BindException: Address already in use\n\tat java.base/sun.nio.ch.Net.bind0(Native)\n';
  expect(lastErrorLine(log, ended)).toBe('java.net.BindException: Address already in use');
  expect(lastErrorLine('boot\nFATAL: could not create lock file\n  at x\n', ended)).toBe(
    'FATAL: could not create lock file',
  );
});

test('without an error the last words of one that gave up, and nothing of one that was killed', () => {
  expect(lastErrorLine('one\ntwo\n', ended)).toBe('two');
  expect(lastErrorLine('one\ntwo\n', { wasKilled: true })).toBeUndefined();
  expect(lastErrorLine('', ended)).toBeUndefined();
});
