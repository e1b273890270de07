// What becomes of replies to a source that says nothing about them, when its link breaks: over the real way down, and a socket whose other
// side the test plays.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type WebSocket from 'ws';
import type { Vector } from './cursor.ts';
import { BEGINNING, readInto } from './downward.testing.ts';
import type { Downward } from './downward.ts';
import { LegacyPeer } from './legacy-peer.ts';
import { communicatorMetrics } from './metrics.ts';
import { OutgoingLog, quiet } from './outgoing-log.testing.ts';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Wire } from './wire.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

let log: OutgoingLog;
let downward: Downward;
let saved: Map<string, Vector>;
const metrics = communicatorMetrics(new Registry());

beforeEach(async () => {
  log = await OutgoingLog.open(2);
  saved = new Map([['a', BEGINNING]]);
  downward = log.downward(BEGINNING, saved);
  metrics.deliveries.reset();
});

class Link {
  readonly socket = new ScriptedSocket();
  readonly wire: Wire;
  readonly peer: LegacyPeer;

  constructor() {
    this.socket.open();
    this.wire = new Wire(this.socket as unknown as WebSocket, 0);
    this.peer = new LegacyPeer({
      wire: this.wire,
      reading: undefined,
      from: { source: 'a', connection: 'one' },
      spool: { add: () => undefined },
      downward,
      metrics,
      logger: pino({ level: 'silent' }),
    });
  }

  get ids(): readonly string[] {
    return this.socket.sent.map((text) => JSON.parse(text).id);
  }

  breaks(): void {
    this.socket.closed(1006);
    this.peer.closed();
  }
}

async function linked(): Promise<Link> {
  const link = new Link();
  await quiet();
  return link;
}

async function reply(count: number): Promise<void> {
  const from = log.records[0]?.length ?? 0;
  for (let made = 0; made < count; made += 1) log.append(0, 'a');
  await readInto(downward, log, 0, from);
  await quiet();
}

function savedAt(): bigint | undefined {
  downward.tick();
  return saved.get('a')?.get(0);
}

async function unanswered(): Promise<number> {
  const { values } = await metrics.deliveries.get();
  return values.find(({ labels }) => labels.outcome === 'unanswered')?.value ?? 0;
}

describe('a reply to a legacy source', () => {
  test('that its socket took, and a broken network did not bring, comes again over the next connection, and is counted', async () => {
    const first = await linked();
    await reply(2);
    expect([first.ids, savedAt(), savedAt()]).toEqual([['0/0', '0/1'], 0n, 0n]);
    first.breaks();
    expect([savedAt(), await unanswered()]).toEqual([0n, 2]);
    expect((await linked()).ids).toEqual(['0/0', '0/1']);
  });

  test('is not said again once a ping behind it was answered: one for all that went before', async () => {
    const link = await linked();
    await reply(3);
    expect([savedAt(), link.socket.pings]).toEqual([0n, 1]);
    link.socket.pong();
    expect([savedAt(), link.socket.pings]).toEqual([3n, 1]);
    link.breaks();
    expect([(await linked()).ids, await unanswered()]).toEqual([[], 0]);
  });

  test('behind the ping is not vouched for by its answer, and those before it are, however many go on', async () => {
    const link = await linked();
    await reply(2);
    expect(savedAt()).toBe(0n);
    await reply(1);
    link.socket.pong();
    expect([savedAt(), link.socket.pings]).toEqual([2n, 2]);
    link.breaks();
    expect((await linked()).ids).toEqual(['0/2']);
  });

  test('is vouched for by no pong that nobody asked for, and by an answer to a later ping', async () => {
    const link = await linked();
    await reply(1);
    expect(savedAt()).toBe(0n);
    for (const text of ['', '1', '99', 'x']) link.socket.emit('pong', Buffer.from(text));
    expect(savedAt()).toBe(0n);
    link.socket.pong();
    expect(savedAt()).toBe(1n);
  });

  test('is asked about only while the source is read: it could not be heard, and what it said last would be lost', async () => {
    const link = await linked();
    link.wire.pause('spool');
    await reply(1);
    expect([savedAt(), savedAt(), link.socket.pings]).toEqual([0n, 0n, 0]);
    link.wire.resume('spool');
    link.peer.receive({ bytes: Buffer.from('{}'), isBinary: false });
    expect(link.socket.pings).toBe(1);
    link.socket.pong();
    expect(savedAt()).toBe(1n);
  });

  test('is waited for where we end the connection, and then not said again', async () => {
    const link = await linked();
    await reply(1);
    const drained = link.peer.drained();
    expect([link.peer.canTake, link.socket.pings]).toEqual([false, 1]);
    link.socket.pong();
    await drained;
    link.breaks();
    expect((await linked()).ids).toEqual([]);
  });

  test('that does not arrive holds up no end', async () => {
    const link = await linked();
    await link.peer.drained();
    await reply(1);
    expect(link.ids).toEqual([]);
    const other = await linked();
    await quiet();
    expect(other.ids).toEqual(['0/0']);
    const drained = other.peer.drained();
    other.breaks();
    await drained;
    expect((await linked()).ids).toEqual(['0/0']);
  });
});
