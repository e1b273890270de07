import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { type Limits, openOn, PATIENCE_MS, type User } from './users-port.testing.ts';
import { Wire } from './wire.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const SAID_NOTHING_MS = 1_000;
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n';

async function open(limits: Limits = {}) {
  const [number = 0] = await freePorts(1);
  return await openOn(number, limits);
}
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '',
].join('\r\n');

interface Raw {
  readonly socket: Socket;
  /** All, when it has ended. */
  readonly heard: Promise<string>;
  readonly heardSoFar: () => string;
}

/** A connection that says these bytes. */
function raw(port: number, said: string): Raw {
  const socket = connect(port, '127.0.0.1', () => socket.write(said, 'latin1'));
  onTestFinished(() => void socket.destroy());
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1'))).on('error', () => undefined);
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(heard)));
  return { socket, heard: ended, heardSoFar: () => heard };
}

describe('a connection that is no WebSocket', () => {
  test.each([
    ['without a byte', ''],
    ['with half a header', GET],
  ])('is ended in time: %s', async (_what, said) => {
    const { address } = await open({ limits: { handshakeMs: 200, checkMs: 50 } });
    expect(await raw(address.port, said).heard).not.toContain('101 Switching');
  });

  test('is told what it is to be, and keeps no place', async () => {
    const { address } = await open();
    expect(await raw(address.port, `${GET}\r\n`).heard).toMatch(/^HTTP\/1\.1 426 .*\r\nconnection: close\r\n/is);
  });

  /** So many that say nothing, each connected before the next. */
  async function mute(number: number, count: number): Promise<readonly Raw[]> {
    const all: Raw[] = [];
    while (all.length < count) {
      const one = raw(number, '');
      all.push(one);
      await once(one.socket, 'connect');
    }
    return all;
  }

  test('is one of a bounded number: one more is not taken, which is counted, and those who are there stay', async () => {
    const { address, user, metrics } = await open({ connectionsMax: 1, limits: { spareSockets: 2 } });
    const ana = await user().hello('ana');
    const [first] = await mute(address.port, 2);
    expect(await raw(address.port, '').heard).toBe('');
    expect((await metrics.connectionsRefused.get()).values).toEqual([{ labels: { reason: 'sockets' }, value: 1 }]);
    expect(ana.socket.readyState).toBe(ana.socket.OPEN);
    first?.socket.destroy();
    await vi.waitFor(async () => expect(await user().closedWith).toBe(4009), PATIENCE_MS);
  });

  test('and has had a second for it gives its place to whoever comes, the first of them first', async () => {
    const { address, user, rig, metrics } = await open({ connectionsMax: 1, limits: { spareSockets: 2 } });
    const [first, second, third] = await mute(address.port, 3);
    expect(await third?.heard).toBe('');
    rig.nowMs += SAID_NOTHING_MS;
    const ana = await user().hello('ana');
    expect(ana.heard).toMatchObject([{ op: 'welcome' }]);
    expect(await first?.heard).toBe('');
    expect(second?.socket.destroyed).toBe(false);
    expect((await metrics.connectionsRefused.get()).values).toEqual([{ labels: { reason: 'sockets' }, value: 2 }]);
    // Who has become a user takes none of these places.
    const [fourth] = await mute(address.port, 1);
    expect(await user().closedWith).toBe(4009);
    expect(await second?.heard).toBe('');
    expect(fourth?.socket.destroyed).toBe(false);
    expect(ana.socket.readyState).toBe(ana.socket.OPEN);
  });

  test.each([
    ['was refused and does not hear it', 'Sec-WebSocket-Protocol: other\r\n', 2],
    ['was closed for another and does not hear it', 'Sec-WebSocket-Protocol: pmc.v1\r\n', 1],
  ])('nor does one that %s keep anybody out', async (_what, protocol, spareSockets) => {
    const { address, user, rig, metrics } = await open({ connectionsMax: 1, limits: { spareSockets } });
    for (let round = 0; round < 5; round += 1) {
      const deaf = raw(address.port, `${GET}${UPGRADE}${protocol}\r\n`);
      await once(deaf.socket, 'data');
      rig.nowMs += SAID_NOTHING_MS;
    }
    expect((await user().hello('ana')).heard).toMatchObject([{ op: 'welcome' }]);
    // They are of the bounded number: all but as many as it leaves room for have ended.
    const { values } = await metrics.connectionsRefused.get();
    expect(values).toContainEqual({ labels: { reason: 'sockets' }, value: 4 });
  });
});

describe('one that has not said hello', () => {
  /** So many that say nothing, each taken. */
  async function silent(user: () => User, count: number): Promise<readonly User[]> {
    const all = Array.from({ length: count }, () => user());
    await Promise.all(all.map(({ socket }) => once(socket, 'open')));
    return all;
  }

  test('is one of a bounded number: one more is told to come back, and who has said hello is none of them', async () => {
    const { user, metrics } = await open({ limits: { silentMax: 2 } });
    const ana = await user().hello('ana');
    const mute = await silent(user, 2);
    expect(await user().closedWith).toBe(4009);
    expect((await metrics.connectionsRefused.get()).values).toEqual([{ labels: { reason: 'silent' }, value: 1 }]);
    expect((await mute[0]?.hello('bea'))?.heard).toMatchObject([{ op: 'welcome' }]);
    expect((await user().hello('cai')).heard).toMatchObject([{ op: 'welcome' }]);
    expect(ana.socket.readyState).toBe(ana.socket.OPEN);
  });

  test('and has had a second for it gives its place to whoever comes', async () => {
    const { user, rig, port, metrics } = await open({ limits: { silentMax: 2 } });
    const [first, second] = await silent(user, 2);
    rig.nowMs += SAID_NOTHING_MS;
    expect((await user().hello('ana')).heard).toMatchObject([{ op: 'welcome' }]);
    expect(await first?.closedWith).toBe(4009);
    expect((await metrics.connectionsRefused.get()).values).toEqual([{ labels: { reason: 'silent' }, value: 1 }]);
    second?.socket.terminate();
    await vi.waitFor(() => expect(port.connections).toBe(1), PATIENCE_MS);
    const [third] = await silent(user, 2);
    expect((await third?.hello('bea'))?.heard).toMatchObject([{ op: 'welcome' }]);
  });

  test('gives its place, too, where users have all that there are', async () => {
    const { user, rig } = await open({ connectionsMax: 2 });
    const ana = await user().hello('ana');
    const [mute] = await silent(user, 1);
    expect(await user().closedWith).toBe(4009);
    rig.nowMs += SAID_NOTHING_MS;
    expect((await user().hello('bea')).heard).toMatchObject([{ op: 'welcome' }]);
    expect([await mute?.closedWith, ana.socket.readyState]).toEqual([4009, ana.socket.OPEN]);
  });

  test('is closed where it sends more than a hello has, be it no whole frame', async () => {
    const { user } = await open();
    const wild = user();
    await once(wild.socket, 'open');
    wild.socket.send('x'.repeat(1_000_000), { fin: false });
    expect(await wild.closedWith).toBe(4503);
    expect(wild.heard).toEqual([]);
  });

  test.each([
    ['its subprotocol', ''],
    ['its token', 'Sec-WebSocket-Protocol: pmc.v1\r\n'],
  ])('or is refused for %s is read no further where it sends that, until it is gone', async (_what, protocol) => {
    const cutOff = vi.spyOn(Wire.prototype, 'cutOff');
    onTestFinished(() => cutOff.mockRestore());
    const { address, port } = await open();
    const hello = JSON.stringify({ op: 'hello', v: 1, stream: 's', epoch: 'E1', token: 'nobody' });
    const unmasked = '\0\0\0\0';
    const text = `\x81${String.fromCharCode(0x80 + hello.length)}${unmasked}${hello}`;
    const fragment = `\x01\xff\0\0\0\0\0\x0f\xff\xff${unmasked}${'x'.repeat(1_000_000)}`;
    await raw(address.port, `${GET}${UPGRADE}${protocol}\r\n${text}${fragment}`).heard;
    expect(cutOff).toHaveBeenCalled();
    await vi.waitFor(() => expect(port.connections).toBe(0), PATIENCE_MS);
  });

  test('is closed where it sends that in very many pieces', async () => {
    const { user } = await open();
    const wild = user();
    await once(wild.socket, 'open');
    for (let count = 0; count < 300; count += 1) wild.socket.send('x', { fin: false });
    expect(await wild.closedWith).toBe(1008);
  });

  test('and whoever has said it, is closed where it sends one frame in thousands of pieces', async () => {
    const { address } = await open();
    const hello = JSON.stringify({ op: 'hello', v: 1, stream: 's', epoch: 'E1' });
    const unmasked = '\0\0\0\0';
    const text = `\x81${String.fromCharCode(0x80 + hello.length)}${unmasked}${hello}`;
    const ana = raw(address.port, `${GET}${UPGRADE}Sec-WebSocket-Protocol: pmc.v1\r\n\r\n${text}`);
    await vi.waitFor(() => expect(ana.heardSoFar()).toContain('"welcome"'), PATIENCE_MS);
    ana.socket.setNoDelay(true).write(`\x81\xfe\xfd\xe8${unmasked}`, 'latin1');
    for (let count = 0; count < 6_000 && !ana.socket.destroyed; count += 1) {
      ana.socket.write('x');
      // Or they came together.
      await nextTurn();
    }
    expect(await ana.heard).toContain('\x88\x02\x03\xf0');
  });

  test('may say a hello as large as a frame may be, and send events behind it', async () => {
    const { user } = await open();
    const ana = user();
    await once(ana.socket, 'open');
    const hello = { op: 'hello', v: 1, stream: 's', epoch: 'E1', more: '' };
    const room = PROTOCOL_LIMITS.frameBytes - JSON.stringify(hello).length;
    ana.say({ ...hello, more: 'x'.repeat(room) });
    for (const seq of [1, 2, 3]) ana.say({ event: 'message', id: `m${seq}`, seq, more: 'x'.repeat(60_000) });
    await vi.waitFor(() => expect(ana.heard.at(-1)).toMatchObject({ op: 'ack', upto: 3 }), PATIENCE_MS);
  });
});
