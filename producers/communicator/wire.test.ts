import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type WebSocket from 'ws';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Wire } from './wire.ts';

let socket: ScriptedSocket;
let wire: Wire;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  socket = new ScriptedSocket();
  socket.open();
  wire = new Wire(socket as unknown as WebSocket, 0);
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
    wire.tick(30_000);
    wire.pause('spool');
    wire.tick(300_000);
    wire.resume('spool');
    wire.tick(300_001);
    expect([socket.pings, socket.readyState]).toEqual([2, ScriptedSocket.OPEN]);
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
    for (let nowMs = 0; nowMs <= 300_000; nowMs += 1_000) wire.tick(nowMs);
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
