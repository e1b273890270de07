import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type WebSocket from 'ws';
import { PmcError } from '../../service/errors.ts';
import { LegacyPeer } from './legacy-peer.ts';
import { communicatorMetrics } from './metrics.ts';
import type { Delivery } from './receiver.ts';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Wire } from './wire.ts';

const FROM = { source: 'chat:4001', connection: 'one' };

let socket: ScriptedSocket;
let seen: string[];
/** How often the log does not say where its position is. */
let failures: number;

beforeEach(() => {
  socket = new ScriptedSocket();
  socket.open();
  [seen, failures] = [[], 0];
});

function met(): LegacyPeer {
  const wire = new Wire(socket as unknown as WebSocket, 0);
  return new LegacyPeer({
    wire,
    reading: undefined,
    from: FROM,
    spool: { add: ({ bytes }, { source }) => void seen.push(`${source} ${bytes.toString()}`) },
    downward: {
      attach: async (_receiver, source, resume, isDialled) => {
        expect([source, resume, isDialled]).toEqual([FROM.source, undefined, true]);
        failures -= 1;
        if (failures >= 0) throw new PmcError('PMC_KAFKA_UNREACHABLE', 'the log is away');
        seen.push('attached');
        return { recovered: true, log_epoch: 'log', pos: {} };
      },
      begin: () => void seen.push('begun'),
      detach: () => void seen.push('detached'),
    },
    metrics: communicatorMetrics(new Registry()),
    logger: pino({ level: 'silent' }),
  });
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a legacy source', () => {
  test('has its frames spooled at once, and its replies from its position on', async () => {
    const peer = met();
    peer.receive({ bytes: Buffer.from('one'), isBinary: false });
    expect(seen).toContain('chat:4001 one');
    await turns();
    expect(seen.filter((one) => one !== 'chat:4001 one')).toEqual(['attached', 'begun']);
  });

  test('keeps its link while the log does not say where its position is, and is spooled meanwhile', async () => {
    failures = Number.POSITIVE_INFINITY;
    const peer = met();
    await turns();
    peer.receive({ bytes: Buffer.from('one'), isBinary: false });
    expect([seen, socket.closes, peer.canTake]).toEqual([['chat:4001 one'], [], true]);
    failures = 1;
    await vi.waitFor(() => expect(seen).toEqual(['chat:4001 one', 'attached', 'begun']), 20_000);
    expect(socket.closes).toEqual([]);
  });

  test('that leaves meanwhile is asked for no longer', async () => {
    failures = Number.POSITIVE_INFINITY;
    const peer = met();
    await turns();
    peer.closed();
    failures = 0;
    // Longer than the pause between two attempts.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(seen).toEqual(['detached']);
  });

  test('that leaves while its position is looked up is not begun', async () => {
    const peer = met();
    peer.closed();
    await turns();
    expect(seen).not.toContain('begun');
    expect(seen.at(-1)).toBe('detached');
  });

  test('has a dispatch when its socket has taken it, and not when it is gone', async () => {
    const peer = met();
    const about = { replyId: 'r1', source: FROM.source, connection: null, chat: 'c', inReplyTo: null, eventKey: 'k' };
    const dispatch = { ...about, command: 'ping', content: 'pong', createdAt: 0 };
    const delivery = { dispatch } as unknown as Delivery;
    expect([peer.canTake, await peer.deliver(delivery)]).toEqual([true, true]);
    expect(JSON.parse(socket.sent[0] ?? '')).toMatchObject({ event: 'message', id: 'r1', content: 'pong' });
    socket.closed(1006);
    expect([peer.canTake, await peer.deliver(delivery)]).toEqual([false, false]);
  });
});
