import { expect, test } from 'vitest';
import { createProgress, liveLine, plainLine } from './progress.ts';

const fetching = { name: 'kafka', detail: 'fetching', fraction: 0.5, elapsedMs: 12_340 };
const starting = { name: 'postgres', detail: 'starting', fraction: undefined, elapsedMs: 100 };

test('a known end has a bar, an unknown one a spinner, and the line fits the terminal', () => {
  expect(liveLine([fetching, starting], 0, 200)).toBe(
    '[########........] 50 % kafka: fetching 12.3 s   | postgres: starting 0.1 s',
  );
  expect(liveLine([fetching, starting], 1, 40)).toHaveLength(39);
});

test('elsewhere plain lines without control characters: one at the start and one at the end', () => {
  let text = '';
  let nowMs = 0;
  const progress = createProgress({ write: (part) => (text += part) }, () => nowMs);
  const step = progress.step('kafka', 'starting');
  step.update('nearly there');
  nowMs = 5_000;
  step.end('ready');
  step.end('ready again');
  expect(text).toBe('kafka: starting\nkafka: ready (5.0 s)\n');
  expect(plainLine(fetching)).toBe('kafka: still fetching, 50 % (12.3 s)');
});
