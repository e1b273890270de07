import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type WebSocket from 'ws';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Wire } from './wire.ts';

let socket: ScriptedSocket;
let wire: Wire;
let nowMs: number;

function at(ms: number): void {
  nowMs = ms;
  wire.tick(nowMs);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  socket = new ScriptedSocket();
  socket.open();
  nowMs = 0;
  wire = new Wire(socket as unknown as WebSocket, nowMs, { nowMs: () => nowMs });
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a wire', () => {
  test('is read again when the last reason not to is gone', () => {
    wire.welcomed();
    wire.pause('log');
    wire.pause('window');
    wire.resume('log');
    wire.resume('log');
    expect([socket.isPaused, wire.isPaused]).toEqual([true, true]);
    wire.resume('window');
    expect([socket.isPaused, wire.isPaused]).toEqual([false, false]);
  });

  test('asks whether its peer is there, and ends when there is no answer', () => {
    wire.tick(30_000);
    wire.tick(30_000 + PROTOCOL_LIMITS.pongMs - 1);
    socket.emit('pong');
    wire.tick(60_000);
    expect([socket.pings, socket.readyState]).toEqual([2, ScriptedSocket.OPEN]);
    wire.tick(60_000 + PROTOCOL_LIMITS.pongMs);
    expect(socket.closes).toEqual([[4004, 'no answer to a ping']]);
  });

  test('takes no peer for dead whose answer it may not have read', () => {
    at(30_000);
    wire.pause('spool');
    at(300_000);
    wire.resume('spool');
    at(300_001);
    expect([socket.pings, socket.readyState]).toEqual([2, ScriptedSocket.OPEN]);
  });

  test('misses a peer that is gone however often it is paused: what counts is for how long it was read', () => {
    wire.welcomed();
    at(30_000);
    for (let round = 1; round <= PROTOCOL_LIMITS.pongMs / 1_000; round += 1) {
      expect(socket.closes).toEqual([]);
      // A second of each three.
      at(27_000 + round * 3_000 + 1_000);
      wire.pause('log');
      at(27_000 + round * 3_000 + 3_000);
      wire.resume('log');
    }
    at(nowMs + 1_000);
    expect(socket.closes).toEqual([[4004, 'no answer to a ping']]);
  });

  test('takes nobody for dead who sends, though its answer lies behind what is not read yet', () => {
    wire.welcomed();
    at(30_000);
    for (let round = 1; round <= 20; round += 1) {
      at(30_000 + round * 2_000);
      wire.pause('log');
      at(nowMs + 1_000);
      wire.resume('log');
      socket.emit('message', Buffer.from('{}'), false);
    }
    expect(socket.closes).toEqual([]);
  });

  test('waits for the log from its welcome on, and until then is read, whatever the log does', () => {
    wire.pause('log');
    expect([socket.isPaused, wire.isPaused]).toEqual([false, false]);
    // Its pings are those of one that is read.
    wire.tick(30_000);
    wire.tick(30_000 + PROTOCOL_LIMITS.pongMs - 1);
    socket.emit('pong');
    wire.welcomed();
    expect([socket.isPaused, wire.isPaused]).toEqual([true, true]);
    wire.resume('log');
    expect([socket.isPaused, wire.isPaused]).toEqual([false, false]);
    wire.pause('log');
    expect(socket.isPaused).toBe(true);
  });

  test('whose log has caught up before its welcome waits for nothing', () => {
    wire.pause('log');
    wire.pause('rate');
    wire.resume('log');
    expect(socket.isPaused).toBe(true);
    wire.resume('rate');
    wire.welcomed();
    expect([socket.isPaused, wire.isPaused]).toEqual([false, false]);
  });

  test('that was welcomed is pinged also while it is not read, which waits for no answer', () => {
    wire.welcomed();
    wire.pause('log');
    for (let ms = 0; ms <= 300_000; ms += 1_000) at(ms);
    expect(socket.pings).toBeGreaterThanOrEqual(10);
    expect([socket.readyState, socket.isPaused]).toEqual([ScriptedSocket.OPEN, true]);
  });

  test('closes once, with the first reason, reads what is left, and is cut off when nobody answers', () => {
    socket.isDeaf = true;
    wire.welcomed();
    wire.pause('log');
    for (let count = 0; count < 1_000; count += 1) wire.close('slowReader');
    wire.close('protocol');
    wire.pause('log');
    expect([socket.closes, socket.isPaused, wire.isClosing]).toEqual([[[4005, expect.any(String)]], false, true]);
    expect([wire.isPaused, wire.closedAs]).toEqual([false, { code: 4005, reason: expect.any(String) }]);
    expect([socket.listenerCount('close'), vi.getTimerCount()]).toEqual([1, 1]);
    wire.send('too late');
    expect(socket.sent).toEqual([]);
    vi.advanceTimersByTime(2_000);
    expect(socket.readyState).toBe(ScriptedSocket.CLOSED);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that is cut off is read no more, also while its end is not heard', () => {
    socket.isDeaf = true;
    wire.cutOff('protocol');
    expect([socket.closes[0]?.[0], socket.isPaused]).toEqual([4503, true]);
  });

  test('says nothing of how it ended where its peer was first', () => {
    socket.readyState = 2;
    wire.close('protocol');
    expect([wire.closedAs, wire.isClosing]).toEqual([undefined, true]);
  });

  test('leaves no timer behind: not when it is closed already, not when its peer answers', async () => {
    await wire.end('shutdown');
    expect([socket.closes, vi.getTimerCount()]).toEqual([[[4001, expect.any(String)]], 0]);
    await wire.end();
    wire.close('internal');
    expect([socket.closes.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  test('tells whether a text was taken', async () => {
    expect(await wire.sendTaken('one')).toBe(true);
    socket.sendFailure = new Error('reset');
    vi.useRealTimers();
    expect(await wire.sendTaken('two')).toBe(false);
    socket.closed(1006);
    expect(await wire.sendTaken('three')).toBe(false);
    expect(socket.sent).toEqual(['one']);
  });
});
