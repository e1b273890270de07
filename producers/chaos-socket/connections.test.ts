import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Connections, type Outgoing } from './connections.ts';
import type { SentFrame } from './ledger.ts';
import { chaosMetrics } from './metrics.ts';

const FRAME: Outgoing = {
  ...{ data: '{"event":"typing"}', binary: false, event: 'typing', id: 'i', chat: 'c' },
  ...{ origin: 'plan', expect: 'stored', dueAtMs: 1 },
};

function setUp() {
  const written: SentFrame[] = [];
  const ledger = { hasRoom: true, append: (frame: SentFrame) => written.push(frame) };
  const metrics = chaosMetrics(new Registry());
  const connections = new Connections({ ledger, metrics, clock: { nowMs: () => 5 } });
  const socket = {
    readyState: WebSocket.OPEN as WebSocket['readyState'],
    bufferedAmount: 0,
    sent: [] as unknown[],
    send: (data: unknown) => socket.sent.push(data),
  };
  return { written, ledger, metrics, connections, socket, connection: connections.add(socket, '/') };
}

test('what is sent is in the ledger with its number and the hash of its bytes', () => {
  const { written, metrics, connections, socket, connection } = setUp();
  expect(connections.send(connection, FRAME)).toBe(true);
  expect(connections.send(connection, { ...FRAME, data: Buffer.from([0xff]) })).toBe(true);
  expect(socket.sent).toEqual([FRAME.data, Buffer.from([0xff])]);
  expect(written.map(({ n, sha256 }) => [n, sha256])).toEqual([
    [1, createHash('sha256').update('{"event":"typing"}').digest('hex')],
    [
      2,
      createHash('sha256')
        .update(Buffer.from([0xff]))
        .digest('hex'),
    ],
  ]);
  expect(metrics.totals).toMatchObject({ eventsOffered: 2, eventsSent: 2, eventsNotSent: 0 });
});

test('a slow reader, a closed socket and a full ledger are each counted, and nothing is sent or written', () => {
  const { written, ledger, metrics, connections, socket, connection } = setUp();
  socket.bufferedAmount = 4 * 1_024 * 1_024 + 1;
  connections.send(connection, FRAME);
  socket.bufferedAmount = 0;
  socket.readyState = WebSocket.CLOSING;
  connections.send(connection, FRAME);
  socket.readyState = WebSocket.OPEN;
  ledger.hasRoom = false;
  expect(connections.send(connection, FRAME)).toBe(false);
  expect([socket.sent, written]).toEqual([[], []]);
  expect(metrics.totals).toMatchObject({
    eventsOffered: 3,
    eventsSent: 0,
    eventsNotSent: 3,
    notSent: { 'buffer-full': 1, closed: 1, 'ledger-full': 1, late: 0 },
  });
});

test('one connection or all are selected, in the order in which they opened', () => {
  const { connections, socket, connection } = setUp();
  const second = connections.add(socket, '/');
  expect(connections.select(undefined)).toEqual([connection, second]);
  expect(connections.select(second.id)).toEqual([second]);
  connections.remove(connection);
  expect(connections.select(connection.id)).toEqual([]);
  expect(connections.add(socket, '/').id).not.toBe(second.id);
});
