import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CLOSE } from '../../schemas/protocol/codes.ts';
import { type ScriptedSocket, sockets } from './scripted-socket.testing.ts';
import { type Peer, SourceLink } from './source-link.ts';
import type { Source } from './sources.ts';

vi.mock('ws', async () => ({ default: (await import('./scripted-socket.testing.ts')).ScriptedSocket }));

let link: SourceLink;
const seen: string[] = [];

let nowMs = 0;

function dial(protocol: Source['protocol'], more: Pick<Peer, 'tick' | 'drained'> = {}): SourceLink {
  const dialled = new SourceLink({
    source: { name: 'chat.example', url: 'ws://chat.example', protocol },
    logger: pino({ level: 'silent' }),
    clock: { nowMs: () => nowMs },
    peer: (kind, wire) => {
      seen.push(kind);
      if (kind === 'pmc.v1') wire.welcomed();
      return {
        receive: ({ bytes, isBinary }) => void seen.push(`frame ${bytes.toString()}${isBinary ? ' binary' : ''}`),
        closed: () => void seen.push('peer closed'),
        ...more,
      };
    },
    onOpen: () => void seen.push('open'),
    onClose: (_connection, code) => void seen.push(`close ${code}`),
  });
  dialled.start();
  return dialled;
}

/** Time goes by, and the link is told each second. */
function pass(ms: number): void {
  for (let gone = 0; gone < ms; gone += 1_000) {
    nowMs += 1_000;
    vi.advanceTimersByTime(1_000);
    link.tick(nowMs);
  }
}

function socketNow(): ScriptedSocket {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error('nothing was dialled');
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  sockets.length = 0;
  seen.length = 0;
  nowMs = 0;
  link = dial('auto');
});

afterEach(async () => {
  await link.stop();
  vi.useRealTimers();
});

describe('the link to a source', () => {
  test('hands over every frame, in order', () => {
    socketNow().open();
    socketNow().emit('message', Buffer.from('one'), false);
    socketNow().emit('message', Buffer.from('two'), true);
    expect(seen).toEqual(['open', 'legacy', 'frame one', 'frame two binary']);
    expect(link.state).toBe('open');
  });

  test('dials again for ever, and tells only of connections that were open', () => {
    for (let attempt = 1; attempt <= 50; attempt += 1) {
      expect(sockets).toHaveLength(attempt);
      socketNow().emit('error', new Error('refused'));
      socketNow().closed(1006);
      expect([link.state, link.lastError]).toEqual(['waiting', 'refused']);
      vi.advanceTimersByTime(45_000);
    }
    socketNow().open();
    socketNow().closed(1001);
    expect(seen).toEqual(['open', 'close 1001']);
    expect(link.lastError).toContain('1001');
  });

  test('ends a connection that answers no ping, and leaves one alone that does', () => {
    socketNow().open();
    pass(28_000);
    expect(socketNow().pings).toBe(1);
    socketNow().emit('pong');
    pass(20_000);
    expect(link.state).toBe('open');
    const gone = socketNow();
    gone.isDeaf = true;
    // The longest: two pauses between pings with all of their jitter, the time for a pong, and for a close that nobody answers.
    pass(19_000);
    // It hears nothing of it, so it is not waited for.
    expect(gone.closes).toEqual([[4004, 'no answer to a ping']]);
    expect(seen).toEqual(['open', 'legacy', 'peer closed', 'close 4004']);
  });

  test('asks no ping while it is paused: an unread answer proves nothing', () => {
    socketNow().open();
    pass(28_000);
    link.pause('spool');
    pass(300_000);
    expect([link.state, socketNow().pings, socketNow().isPaused]).toEqual(['open', 1, true]);
    link.resume('spool');
    expect(socketNow().isPaused).toBe(false);
  });

  test.each([
    ['{"event":"connection"}', 'spool', 'log'],
    ['{"op":"hello","v":1}', 'log', 'spool'],
  ] as const)('of %s waits for the %s and not for the %s, also over a new connection', (first, awaited, other) => {
    link.pause(other);
    socketNow().open();
    socketNow().emit('message', Buffer.from(first), false);
    expect(socketNow().isPaused).toBe(false);
    link.pause(awaited);
    expect(socketNow().isPaused).toBe(true);
    socketNow().closed(1006);
    pass(2_000);
    socketNow().open();
    // Who it is now, its first frame says.
    link.pause(awaited);
    expect([sockets.length, socketNow().isPaused]).toEqual([2, false]);
    socketNow().emit('message', Buffer.from(first), false);
    expect(socketNow().isPaused).toBe(true);
    link.resume(awaited);
    expect(socketNow().isPaused).toBe(false);
    socketNow().closed(1006);
    pass(4_000);
    socketNow().open();
    socketNow().emit('message', Buffer.from(first), false);
    expect([sockets.length, socketNow().isPaused]).toEqual([3, false]);
  });

  test('dials one that ends each connection at once less and less often, and one that stayed at once', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const waited = (): number => {
      socketNow().closed(1006);
      const before = sockets.length;
      let ms = 0;
      for (; sockets.length === before; ms += 50) vi.advanceTimersByTime(50);
      socketNow().open();
      return ms;
    };
    socketNow().open();
    const waits = Array.from({ length: 8 }, waited);
    expect(waits.every((ms, index) => ms >= (waits[index - 1] ?? 0))).toBe(true);
    expect(waits.at(-1)).toBeGreaterThan(10_000);
    pass(5_000);
    expect(waited()).toBeLessThan(1_000);
    // A greeting is no more than taking the connection.
    for (let turn = 0; turn < 4; turn += 1) {
      socketNow().emit('message', Buffer.from('hello'), false);
      expect(waited()).toBeGreaterThan(turn * 1_000);
    }
    for (const frame of ['hello', 'and more']) socketNow().emit('message', Buffer.from(frame), false);
    expect(waited()).toBeLessThan(1_000);
    vi.restoreAllMocks();
  });

  test.each([
    ['that stayed', 5_000, 0],
    ['that had much to say', 0, 2],
  ])('dials one %s and is away now less and less often', (_what, stayedMs, frames) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    socketNow().open();
    for (let count = 0; count < frames; count += 1) socketNow().emit('message', Buffer.from('more'), false);
    pass(stayedMs);
    socketNow().closed(1006);
    const waits = Array.from({ length: 6 }, () => {
      const before = sockets.length;
      const fromMs = nowMs;
      while (sockets.length === before) {
        nowMs += 50;
        vi.advanceTimersByTime(50);
      }
      socketNow().emit('error', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
      socketNow().closed(1006);
      return nowMs - fromMs;
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000]);
    vi.restoreAllMocks();
  });

  test('leaves the heartbeat to a peer that keeps time itself', async () => {
    await link.stop();
    const ticks: number[] = [];
    link = dial('pmc.v1', { tick: (atMs) => void ticks.push(atMs) });
    socketNow().open();
    pass(40_000);
    expect([ticks.slice(0, 2), ticks.length, socketNow().pings]).toEqual([[1_000, 2_000], 40, 0]);
  });

  test('stops when its peer has answered for what it took, and lets go of a server that has not answered', async () => {
    await link.stop();
    expect(socketNow().readyState).toBe(3);
    let isDrained = (): void => undefined;
    link = dial('legacy', { drained: () => new Promise((resolve) => (isDrained = resolve)) });
    socketNow().open();
    const stopped = link.stop();
    await Promise.resolve();
    expect(socketNow().closes).toEqual([]);
    isDrained();
    await stopped;
    expect(socketNow().closes).toEqual([[1000, 'shutdown']]);
  });

  test('ends a connection on which something came that is no frame', () => {
    socketNow().open();
    socketNow().emit('error', Object.assign(new Error('Invalid WebSocket frame'), { code: 'WS_ERR_INVALID_OPCODE' }));
    expect(socketNow().closes).toEqual([[CLOSE.protocol.code, expect.any(String)]]);
  });

  test('stops for good, whatever it was doing', async () => {
    await link.stop();
    pass(300_000);
    expect([sockets.length, link.state]).toEqual([1, 'stopped']);
  });

  test.each([
    ['{"op":"hello","v":1}', 'pmc.v1'],
    ['{"event":"connection"}', 'legacy'],
    ['{"event":"x","op":"hello"}', 'legacy'],
    ['no JSON', 'legacy'],
  ])('takes its peer for what its first frame is: %s', (first, kind) => {
    socketNow().open();
    socketNow().emit('message', Buffer.from(first), false);
    expect(seen).toEqual(['open', kind, `frame ${first}`]);
  });

  test('takes one that says nothing for a legacy one, which may wait for replies', () => {
    socketNow().open();
    pass(9_000);
    expect(seen).toEqual(['open']);
    pass(2_000);
    expect(seen).toEqual(['open', 'legacy']);
  });

  test('asks nobody what it speaks where that is set', async () => {
    await link.stop();
    link = dial('pmc.v1');
    socketNow().open();
    expect(seen).toEqual(['open', 'pmc.v1']);
  });

  // The library takes an answer without a subprotocol for a failure when one was offered.
  test('offers no subprotocol to a server that answered and did not take it', () => {
    expect(socketNow().protocols).toEqual(['pmc.v1']);
    socketNow().emit('error', new Error('Server sent no subprotocol'));
    socketNow().closed(1006);
    pass(2_000);
    expect(socketNow().protocols).toEqual([]);
    socketNow().emit('error', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    socketNow().closed(1006);
    pass(4_000);
    expect(socketNow().protocols).toEqual([]);
  });

  test('goes on offering what is set, whatever the server answers', async () => {
    for (const [protocol, offered] of [
      ['pmc.v1', ['pmc.v1']],
      ['legacy', []],
    ] as const) {
      await link.stop();
      link = dial(protocol);
      for (let attempt = 0; attempt < 3; attempt += 1) {
        expect(socketNow().protocols).toEqual(offered);
        socketNow().emit('error', new Error('Server sent no subprotocol'));
        socketNow().closed(1006);
        pass(10_000);
      }
    }
  });
});
