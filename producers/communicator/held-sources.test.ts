import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, expect, test, vi } from 'vitest';
import { HeldSources } from './held-sources.ts';
import { communicatorMetrics } from './metrics.ts';

let told: string[];
let metrics: ReturnType<typeof communicatorMetrics>;
let held: HeldSources;
let onPositions: () => void;
const ALIVE = new AbortController().signal;
const OUTGOING = { logEpoch: 'cluster/topic', start: new Map([[0, 5n]]) };

/** Whatever takes its time: what comes next has to wait for it. */
const slowly = (what: string, turns: number) => async (): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  told.push(what);
};

async function heldNow(): Promise<number | undefined> {
  return (await metrics.sourcesHeld.get()).values[0]?.value;
}

beforeEach(() => {
  told = [];
  onPositions = () => undefined;
  metrics = communicatorMetrics(new Registry());
  held = new HeldSources({
    last: ['mine', 'counting', 'elsewhere'],
    links: {
      hold: (names) => {
        told.push(`hold ${names.join(' ')}`);
        return names.filter((name) => name !== 'counting');
      },
      expected: slowly('expected', 1),
      take: (name) => void told.push(`take ${name}`),
      letGo: (name) => void told.push(`let go ${name}`),
      assigned: () => void told.push('assigned'),
    },
    own: { note: (name, isOurs) => void told.push(`${isOurs ? 'own' : 'foreign'} ${name}`) },
    checkpoints: { open: slowly('opened', 3) },
    downward: {
      open: ({ logEpoch }) => {
        told.push(`positions of ${logEpoch}`);
        onPositions();
      },
    },
    spool: { start: () => void told.push('hand on') },
    metrics,
    logger: pino({ level: 'silent' }),
  });
});

test('while the log never answered the sources of before are dialled, once, and it says how many', async () => {
  held.hold();
  held.hold();
  expect(told).toEqual(['hold mine counting elsewhere']);
  expect([...held.held]).toEqual(['mine', 'elsewhere']);
  expect(await heldNow()).toBe(2);
  held.assigned();
  expect(await heldNow()).toBe(0);
});

test('nobody has a position, and is welcomed, before the log knows the epoch; nothing goes on its way before each is saved', async () => {
  await held.handOn(OUTGOING, ALIVE);
  expect(told).toEqual(['opened', 'positions of cluster/topic', 'expected', 'hand on']);
});

test('a service that is told to stop while the log does not know the epoch yet welcomes nobody and hands on nothing', async () => {
  const stopping = new AbortController();
  const handingOn = held.handOn(OUTGOING, stopping.signal);
  stopping.abort();
  await expect(handingOn).rejects.toThrow();
  expect(told).toEqual(['opened']);
});

test('a service that is told to stop while positions are saved hands on nothing', async () => {
  const stopping = new AbortController();
  onPositions = () => stopping.abort();
  await expect(held.handOn(OUTGOING, stopping.signal)).rejects.toThrow();
  expect(told).toEqual(['opened', 'positions of cluster/topic', 'expected']);
});

test('a log that goes away after its first answer, and before the first assignment, is no other', async () => {
  await held.handOn(OUTGOING, ALIVE);
  told = [];
  held.hold();
  // As soon as it is back they have a position, if they had none.
  await vi.waitFor(() => expect(told).toEqual(['hold mine counting elsewhere', 'expected']));
});

test('the first assignment ends it: what is noted and was given to nobody here is not ours any more', () => {
  held.hold();
  told = [];
  // As the ownership does it: first what is taken and let go, then that it is done.
  held.letGo('elsewhere');
  held.assigned();
  expect(told).toEqual(['foreign elsewhere', 'let go elsewhere', 'foreign counting', 'assigned']);
  expect([...held.held]).toEqual([]);
  told = [];
  held.hold();
  held.assigned();
  expect(told).toEqual(['assigned']);
});

test('one that was not held is noted when it is taken', () => {
  held.take('mine');
  held.assigned();
  expect(told).toEqual(['own mine', 'take mine', 'foreign counting', 'foreign elsewhere', 'assigned']);
});
