import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PmcError } from '../../service/errors.ts';
import { type CommunicatorMetrics, communicatorMetrics } from './metrics.ts';
import { type ScriptedSocket, sockets } from './scripted-socket.testing.ts';
import { Rig } from './session.testing.ts';
import type { SessionDeps } from './session-options.ts';
import { SourceLinks } from './source-links.ts';
import { namedSources } from './sources.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('ws', async () => ({ default: (await import('./scripted-socket.testing.ts')).ScriptedSocket }));

const PATIENCE_MS = 20_000;
const AWAY = new PmcError('PMC_KAFKA_UNREACHABLE', 'the log is away');

let links: SourceLinks;
let metrics: CommunicatorMetrics;
/** How often the log does not save a position yet. */
let failures: number;
let expected: string[];
let forgotten: string[];
let spooled: string[];
/** What became of positions, in order. */
let kept: string[];
let saving: Promise<void>;
/** What the log is told of sources. */
let told: string[];
let deps: SessionDeps;

beforeEach(async () => {
  failures = 0;
  sockets.length = 0;
  [expected, forgotten, spooled, kept, told] = [[], [], [], [], []];
  saving = Promise.resolve();
  ({ deps } = await Rig.open());
  metrics = communicatorMetrics(new Registry());
  links = linksOf();
});

function linksOf(rate?: number): SourceLinks {
  return new SourceLinks({
    sources: namedSources(['ws://auto:1', 'legacy+ws://legacy:1', 'pmc.v1+ws://counting:1']),
    session: deps,
    spool: { add: ({ bytes }, { source }) => void spooled.push(`${source} ${bytes.toString()}`) },
    downward: {
      expect: (source) => {
        failures -= 1;
        if (failures >= 0) return Promise.reject(AWAY);
        expected.push(source);
        return Promise.resolve();
      },
      attach: () => new Promise(() => undefined),
      begin: () => undefined,
      detach: () => undefined,
    },
    saved: {
      save: async () => {
        await saving;
        kept.push('saved');
      },
      forget: (source) => {
        kept.push('forgotten');
        forgotten.push(source);
      },
    },
    checkpoints: { source: (kind, source, reason) => told.push(`${kind} ${source} ${reason}`) },
    rate,
    clock: deps.steady,
    logger: pino({ level: 'silent' }),
    metrics,
  });
}

afterEach(async () => {
  for (const socket of sockets) socket.isDeaf = false;
  await links.stop();
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function states(): readonly unknown[] {
  return links.facts().map((fact) => ({ ...fact }));
}

describe('a source that is ours', () => {
  test('is dialled when its position is saved, which is tried again until it is', async () => {
    failures = Number.POSITIVE_INFINITY;
    links.take('auto:1');
    await turns();
    expect([sockets.length, expected]).toEqual([0, []]);
    failures = 1;
    await vi.waitFor(() => expect(expected).toEqual(['auto:1']), PATIENCE_MS);
    await turns();
    expect(sockets).toHaveLength(1);
    // It is ours already.
    links.take('auto:1');
    await turns();
    expect([sockets.length, expected.length]).toEqual([1, 1]);
  });

  test('is counted as not connected before it ever was, so that a sum of them is a number', async () => {
    const dialled = async () => (await metrics.connections.get()).values;
    expect(await dialled()).toEqual([{ labels: { side: 'dialled' }, value: 0 }]);
    links.take('auto:1');
    await vi.waitFor(() => expect(sockets).toHaveLength(1), PATIENCE_MS);
    sockets[0]?.open();
    expect(await dialled()).toEqual([{ labels: { side: 'dialled' }, value: 1 }]);
  });

  test('and is let go before that is never dialled', async () => {
    failures = Number.POSITIVE_INFINITY;
    links.take('auto:1');
    await turns();
    links.letGo('auto:1');
    failures = 0;
    await vi.waitFor(() => expect(forgotten).toEqual(['auto:1']), PATIENCE_MS);
    // Longer than the pause between two attempts.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([sockets.length, expected, states()]).toEqual([0, [], []]);
  });

  test('and is let go keeps its position until it has been saved, which a stop waits for', async () => {
    links.take('auto:1');
    await turns();
    sockets[0]?.open();
    expect([links.open, told]).toEqual([1, ['opened auto:1 null']]);
    let isSaved = (): void => undefined;
    saving = new Promise((resolve) => (isSaved = resolve));
    links.letGo('auto:1');
    let isStopped = false;
    const stopped = links.stop().then(() => (isStopped = true));
    await turns();
    expect([isStopped, kept, links.open, told.at(-1)]).toEqual([false, [], 0, 'closed auto:1 1000 shutdown']);
    isSaved();
    await stopped;
    expect(kept).toEqual(['saved', 'forgotten']);
  });

  test('is not dialled while we stop, neither newly nor when its position is saved at last', async () => {
    failures = Number.POSITIVE_INFINITY;
    links.take('auto:1');
    await turns();
    await links.stop();
    failures = 0;
    links.take('legacy:1');
    // Longer than the pause between two attempts.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([sockets.length, expected]).toEqual([0, []]);
  });

  test('waits for what all of them wait for, until that is over', async () => {
    links.pause('spool');
    links.take('legacy:1');
    await turns();
    sockets[0]?.open();
    expect([links.open, sockets[0]?.isPaused]).toEqual([1, true]);
    links.take('auto:1');
    await turns();
    expect(links.open).toBe(1);
    links.resume('spool');
    expect(sockets[0]?.isPaused).toBe(false);
    links.letGo('legacy:1');
    await turns();
    links.take('legacy:1');
    await turns();
    sockets.at(-1)?.open();
    expect([sockets.length, sockets.at(-1)?.isPaused]).toEqual([3, false]);
  });

  test('is read no faster than the rate', async () => {
    links = linksOf(1);
    links.take('legacy:1');
    await turns();
    sockets[0]?.open();
    for (let count = 0; count < 10; count += 1) sockets[0]?.emit('message', Buffer.from('one'), false);
    expect(sockets[0]?.isPaused).toBe(true);
  });

  test('and counts has its position kept here, and is told when the log is away; who does not count is not', async () => {
    const attached = vi.spyOn(deps.downward, 'attach');
    links.take('counting:1');
    links.take('legacy:1');
    await turns();
    for (const socket of sockets) socket.open();
    const [counting, legacy] = sockets as [ScriptedSocket, ScriptedSocket];
    counting.emit('message', Buffer.from('{"op":"hello","v":1,"stream":"s","epoch":"E1"}'), false);
    await vi.waitFor(() => expect(counting.sent.at(-1)).toContain('welcome'), PATIENCE_MS);
    expect(attached.mock.calls.map(([, source, , isDialled]) => [source, isDialled])).toEqual([['counting:1', true]]);
    links.logUnavailable(1_500);
    expect(JSON.parse(counting.sent.at(-1) ?? '')).toMatchObject({ op: 'error', code: 111, retry_after_ms: 1_500 });
    expect(legacy.sent).toEqual([]);
  });

  test('and is nobody that the settings name is not dialled', async () => {
    links.take('stranger:1');
    await turns();
    expect([sockets.length, states()]).toEqual([0, []]);
  });
});

describe('while the log has never answered', () => {
  test('those that cannot send again are dialled, the others and strangers are not', async () => {
    expect(links.hold(['auto:1', 'counting:1', 'legacy:1', 'stranger:1'])).toEqual(['auto:1', 'legacy:1']);
    expect([sockets.length, expected]).toEqual([2, []]);
    const [auto, legacy] = sockets as [ScriptedSocket, ScriptedSocket];
    auto.open();
    legacy.open();
    auto.emit('message', Buffer.from('one'), false);
    legacy.emit('message', Buffer.from('two'), false);
    expect(spooled).toEqual(['auto:1 one', 'legacy:1 two']);
  });

  test('nobody is dialled by who is stopping', async () => {
    await links.stop();
    expect([links.hold(['legacy:1']), sockets]).toEqual([[], []]);
  });

  test('their positions are saved when it answers, and taking one changes nothing', async () => {
    links.hold(['auto:1', 'legacy:1']);
    failures = 1;
    await links.expected();
    expect([...expected].sort()).toEqual(['auto:1', 'legacy:1']);
    links.take('legacy:1');
    await turns();
    expect(sockets).toHaveLength(2);
  });

  test('one that is not ours after all is closed', async () => {
    links.hold(['auto:1']);
    sockets[0]?.open();
    links.letGo('auto:1');
    await vi.waitFor(() => expect(forgotten).toEqual(['auto:1']), PATIENCE_MS);
    expect(sockets[0]?.closes).toEqual([[1000, 'shutdown']]);
    expect(states()).toEqual([]);
  });
});
