import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { planHashOf } from './plan-command.ts';
import { parseSchedule } from './schedule-file.ts';

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-schedule-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'schedule.yaml'), text);
  return join(folder, 'schedule.yaml');
}

const CHAOS = `
phases:
  - { seconds: 10, rate: 50 }
  - { seconds: 10, rate: 50, to: 5 }
faults:
  - { fault: drop, probability: 0.1, options: { recoverable: false } }
  - { fault: abrupt_close, every: 5 }
`;

test('phases and faults are read; an empty file has neither', () => {
  expect(parseSchedule(CHAOS, 'f')).toMatchObject({ phases: [{ rate: 50 }, { to: 5 }], faults: [{}, { every: 5 }] });
  expect(parseSchedule('', 'f')).toEqual({ phases: undefined, faults: [] });
});

test.for<[string, string]>([
  ['{', 'is not YAML'],
  ['faults: [{ fault: dropp }]', 'must be one of'],
  ['faults: [{ fault: drop, probability: 2 }]', 'faults.0.probability'],
  ['faults: [{ fault: drop, options: { often: 1 } }]', 'fault drop'],
  ['faults: [{ fault: drop, from: 600 }]', 'the plan ends at 60 s'],
  ['phases: []', 'phases'],
  ['phases: [{ seconds: 1, rate: 0 }]', 'above 0'],
  ['phases: [{ seconds: 0, rate: 1 }]', 'phases.0.seconds'],
  ['surprise: 1', 'surprise'],
])('%s is refused: %s', ([text, problem]) => {
  expect(() => parseSchedule(text, 'f', 1)).toThrow(problem);
});

test('the plan hash holds the faults and the phases, and is the same each time', () => {
  const hash = (more: Record<string, string>) => planHashOf({ PMC_CHAOS_SEED: '7', PMC_CHAOS_MINUTES: '0.3', ...more });
  const planned = hash({ PMC_CHAOS_SCHEDULE: file(CHAOS) });
  expect(hash({ PMC_CHAOS_SCHEDULE: file(CHAOS) })).toBe(planned);
  expect(hash({ PMC_CHAOS_SCHEDULE: file(CHAOS.replace('0.1', '0.2')) })).not.toBe(planned);
  expect(hash({ PMC_CHAOS_SCHEDULE: file(CHAOS.replace('to: 5', 'to: 6')) })).not.toBe(planned);
  expect(hash({ PMC_CHAOS_SCHEDULE: file(CHAOS), PMC_CHAOS_SEED: '8' })).not.toBe(planned);
});

test('the plan hash holds every source, and what each fault is armed with', () => {
  const hash = (more: Record<string, string>) =>
    planHashOf({ PMC_CHAOS_SEED: '7', PMC_CHAOS_MINUTES: '1', PMC_CHAOS_PROFILE: 'flood', ...more });
  const scheduled = (text: string, more = {}) => hash({ PMC_CHAOS_SCHEDULE: file(text), ...more });
  const different: readonly string[] = [
    hash({}),
    hash({ PMC_CHAOS_CONNECTIONS: '1' }),
    hash({ PMC_CHAOS_CONNECTIONS: '2' }),
    hash({ PMC_CHAOS_CONNECTIONS: '3' }),
    hash({ PMC_CHAOS_CONNECTIONS: '2', PMC_CHAOS_RATE: '5' }),
    hash({ PMC_CHAOS_CONNECTIONS: '3', PMC_CHAOS_RATE: '5' }),
    // A fault of the second source only.
    scheduled('faults: [{ fault: drop, every: 5, source: /source-2 }]', { PMC_CHAOS_CONNECTIONS: '2' }),
    scheduled('faults: [{ fault: drop, every: 5, source: /source-1 }]', { PMC_CHAOS_CONNECTIONS: '2' }),
    // The same strikes, with another effect.
    scheduled('faults: [{ fault: drop, every: 5 }]'),
    scheduled('faults: [{ fault: drop, every: 5, options: { recoverable: false } }]'),
    // A fault at the opening of a connection strikes no event.
    scheduled('faults: [{ fault: early, probability: 0.5 }]', { PMC_CHAOS_CONNECTIONS: '9' }),
    scheduled('faults: [{ fault: early, probability: 0.4 }]', { PMC_CHAOS_CONNECTIONS: '9' }),
    // What only a source that counts can commit.
    scheduled('faults: [{ fault: ack_loss, every: 5 }]'),
    scheduled('faults: [{ fault: ack_loss, every: 5 }]', { PMC_CHAOS_PROTOCOL: 'legacy' }),
  ];
  expect(new Set(different).size).toBe(different.length);
  expect(hash({ PMC_CHAOS_CONNECTIONS: '3' })).toBe(different[3]);
  expect(() => hash({ PMC_CHAOS_CONNECTIONS: '1000', PMC_CHAOS_MINUTES: '100000' })).toThrow('at most');
});

test('a file that is not there, two rates, and a plan without end are each one clear error', () => {
  const schedule = { PMC_CHAOS_SCHEDULE: file(CHAOS) };
  const code = (name: string) => expect.objectContaining({ code: name }) as Error;
  expect(() => planHashOf({ PMC_CHAOS_SCHEDULE: '/nowhere' })).toThrow(code('PMC_CHAOS_SCHEDULE_INVALID'));
  expect(() => planHashOf({ ...schedule, PMC_CHAOS_RATE: '5' })).toThrow('PMC_CHAOS_RATE');
  const endless = { PMC_CHAOS_RATE: '100000', PMC_CHAOS_MINUTES: '1000000' };
  expect(() => planHashOf(endless)).toThrow(code('PMC_CHAOS_PLAN_TOO_LARGE'));
});
