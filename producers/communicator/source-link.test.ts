import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ScriptedSocket, sockets } from './scripted-socket.testing.ts';
import { namedSources, SourceLink, sourceName } from './source-link.ts';

vi.mock('ws', async () => ({ default: (await import('./scripted-socket.testing.ts')).ScriptedSocket }));

let link: SourceLink;
const seen: string[] = [];

function socketNow(): ScriptedSocket {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error('nothing was dialled');
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  sockets.length = 0;
  seen.length = 0;
  link = new SourceLink({
    name: 'chat.example',
    url: 'ws://chat.example',
    logger: pino({ level: 'silent' }),
    onOpen: () => seen.push('open'),
    onFrame: ({ bytes, isBinary }) => seen.push(`frame ${bytes.toString()}${isBinary ? ' binary' : ''}`),
    onClose: (_connection, code) => seen.push(`close ${code}`),
  });
  link.start();
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
    expect(seen).toEqual(['open', 'frame one', 'frame two binary']);
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
    vi.advanceTimersByTime(26_000);
    expect(socketNow().pings).toBe(1);
    socketNow().emit('pong');
    vi.advanceTimersByTime(20_000);
    expect(link.state).toBe('open');
    vi.advanceTimersByTime(15_000);
    expect(seen).toEqual(['open', 'close 1006']);
  });

  test('asks no ping while it is paused: an unread answer proves nothing', () => {
    socketNow().open();
    vi.advanceTimersByTime(25_000);
    link.pause();
    vi.advanceTimersByTime(300_000);
    expect([link.state, socketNow().pings, socketNow().isPaused]).toEqual(['open', 1, true]);
    link.resume();
    expect(socketNow().isPaused).toBe(false);
  });

  test('stays paused over a new connection', () => {
    link.pause();
    socketNow().open();
    expect(socketNow().isPaused).toBe(true);
  });

  test('stops for good, whatever it was doing', async () => {
    await link.stop();
    vi.advanceTimersByTime(300_000);
    expect([sockets.length, link.state]).toEqual([1, 'stopped']);
  });
});

describe('a text for the source', () => {
  test('is sent when the link is open, and not otherwise', async () => {
    expect(await link.send('early')).toBe(false);
    socketNow().open();
    expect(await link.send('now')).toBe(true);
    socketNow().sendFailure = new Error('broken pipe');
    expect(await link.send('late')).toBe(false);
    expect(socketNow().sent).toEqual(['now']);
  });

  // Between the other side's closing frame and the end of the connection lies a turn of the event loop at least: a sender
  // that asks again and again without letting it turn would wait for ever, and the whole process with it.
  test('waits for the next connection while this one is closing', async () => {
    socketNow().open();
    socketNow().readyState = 2;
    const never = new AbortController().signal;
    let isOpen = false;
    const opened = link.opened(never).then(() => {
      isOpen = true;
    });
    expect(await link.send('now')).toBe(false);
    expect(isOpen).toBe(false);
    socketNow().closed(1001);
    vi.advanceTimersByTime(45_000);
    socketNow().open();
    await opened;
    expect(await link.send('again')).toBe(true);
    expect(socketNow().sent).toEqual(['again']);
  });

  test('that fails lets the event loop turn before it says so', async () => {
    socketNow().open();
    socketNow().sendFailure = new Error('broken pipe');
    setImmediate(() => {
      socketNow().sendFailure = undefined;
    });
    let attempts = 1;
    while (attempts < 1_000 && !(await link.send('again'))) attempts += 1;
    expect(attempts).toBeLessThan(10);
  });

  test('waits no longer when nobody wants it any more', async () => {
    const unwanted = new AbortController();
    const opened = link.opened(unwanted.signal);
    unwanted.abort();
    await opened;
    expect(link.state).toBe('dialling');
  });
});

describe('the name of a source', () => {
  test.each([
    ['ws://localhost:4001', 'localhost:4001'],
    ['ws://localhost:4001/', 'localhost:4001'],
    ['wss://chat.example/room/1', 'chat.example/room/1'],
    ['ws://user:secret@chat.example:4001/?token=secret', 'chat.example:4001'],
    ['ws://[::1]:4001/a?b', '[::1]:4001/a'],
  ])('of %s is %s, without secrets', (url, name) => {
    expect(sourceName(url)).toBe(name);
  });

  test('is unique: two of one name would be one account', () => {
    expect([...namedSources(['ws://a:1', 'ws://a:2', 'ws://a:1/b']).keys()]).toEqual(['a:1', 'a:2', 'a:1/b']);
    for (const twice of [
      ['ws://a:1', 'ws://a:1'],
      ['ws://a:1/?x=1', 'ws://a:1/?x=2'],
      ['ws://a', 'ws://a:80'],
    ]) {
      expect(() => namedSources(twice)).toThrow(/two sources named a/);
    }
  });

  test.each(['ws://', 'ws://host:99999', 'ws://host/#part'])('is refused with one line for %s', (url) => {
    expect(() => namedSources([url])).toThrow(expect.objectContaining({ code: 'PMC_CONFIG_INVALID' }));
  });
});
