import { once } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { admit, type Limits, openOn, PATIENCE_MS } from './users-port.testing.ts';
import { UsersPort } from './users-port.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

async function open(limits: Limits = {}) {
  const [number = 0] = await freePorts(1);
  return await openOn(number, limits);
}

describe('the port of users', () => {
  test('welcomes a user, and acknowledges what the log has', async () => {
    const { rig, user, port } = await open();
    const ana = await user().hello();
    ana.say({ event: 'message', id: 'm', chat: 'c', seq: 1 });
    await once(ana.socket, 'message');
    expect(ana.heard).toMatchObject([{ op: 'welcome' }, { op: 'ack', upto: 1 }]);
    expect([rig.incoming(), port.connections]).toEqual([1, 1]);
  });

  test.each<[string, readonly string[], Readonly<Record<string, string>>, number]>([
    ['no subprotocol', [], {}, 4504],
    ['another page', ['pmc.v1'], { origin: 'https://evil.example' }, 4502],
    ['a page in a sandbox', ['pmc.v1'], { origin: 'null' }, 4502],
  ])('closes one with a code that says why: %s', async (_what, protocols, headers, code) => {
    const { user, metrics, port } = await open();
    expect(await user(protocols, headers).closedWith).toBe(code);
    expect(port.connections).toBe(0);
    const { values } = await metrics.connectionsRefused.get();
    expect(values.map(({ value }) => value)).toEqual([1]);
  });

  test('takes one from a page that is allowed', async () => {
    const { user } = await open();
    const ana = await user(['pmc.v1'], { origin: 'https://chat.example' }).hello();
    expect(ana.heard).toMatchObject([{ op: 'welcome' }]);
  });

  test('has no more connections than it may, in all, and whoever finds no room comes back', async () => {
    const { user, port, metrics } = await open({ connectionsMax: 2 });
    const first = await user().hello('ana');
    await user().hello('bea');
    expect(await user().closedWith).toBe(4009);
    const { values } = await metrics.connectionsRefused.get();
    expect(values).toMatchObject([{ labels: { reason: 'full' }, value: 1 }]);
    first.socket.close();
    await first.closedWith;
    // Its own end has heard of it sooner than the port.
    await vi.waitFor(() => expect(port.connections).toBe(1), PATIENCE_MS);
    expect((await user().hello('cai')).heard).toMatchObject([{ op: 'welcome' }]);
  });

  test('has no more than it may of one subject, whatever its token, and counts those that ended no longer', async () => {
    const { user, port } = await open();
    const first = await user().hello('ana.phone');
    await user().hello('ana.desk');
    const third = await user().hello('ana.third');
    expect([third.heard.map(({ code }) => code), await third.closedWith]).toEqual([[103], 4506]);
    expect((await user().hello('bea')).heard).toMatchObject([{ op: 'welcome' }]);
    first.socket.close();
    await first.closedWith;
    await vi.waitFor(() => expect(port.connections).toBe(2), PATIENCE_MS);
    expect((await user().hello('ana.third')).heard).toMatchObject([{ op: 'welcome' }]);
    expect((await user().hello('ana.more')).heard).toMatchObject([{ code: 103 }]);
  });

  test('lets in one more of a subject that replaces a connection of its own, and no second one in its place', async () => {
    const { user, port } = await open();
    const first = await user().hello('ana.phone');
    const other = await user().hello('ana.desk');
    port.pause('log');
    const again = await user().hello('ana.phone');
    expect([await first.closedWith, again.heard[0]]).toMatchObject([4007, { op: 'welcome' }]);
    expect((await user().hello('ana.third')).heard).toMatchObject([{ code: 103 }]);
    expect([again.socket.readyState, other.socket.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN]);
  });

  test('reads, while nothing else is read, the hello of whoever connects, and closes whoever says none', async () => {
    const { user, port, rig } = await open();
    port.pause('log');
    const ana = await user().hello();
    expect(ana.heard).toMatchObject([{ op: 'welcome' }]);
    ana.say({ event: 'message', id: 'm', chat: 'c', seq: 1 });
    const mute = user();
    await once(mute.socket, 'open');
    await vi.waitFor(() => expect(port.connections).toBe(2), PATIENCE_MS);
    rig.nowMs += PROTOCOL_LIMITS.helloMs;
    port.tick(rig.nowMs);
    expect(await mute.closedWith).toBe(4505);
    expect(rig.ingest.settlement.received).toBe(0);
    port.resume('log');
    await vi.waitFor(() => expect(ana.heard[1]).toMatchObject({ op: 'ack', upto: 1 }), PATIENCE_MS);
  });

  test('misses one that went away while it was not read', async () => {
    const { user, port, rig } = await open();
    const [ana, bea] = [await user().hello('ana'), await user().hello('bea')];
    port.pause('log');
    // What it said last lies unread.
    ana.say({ event: 'message', id: 'm', chat: 'c', seq: 1 });
    ana.socket.terminate();
    await vi.waitFor(() => {
      rig.nowMs += 1_000;
      port.tick(rig.nowMs);
      expect(port.connections).toBe(1);
    }, PATIENCE_MS);
    expect(bea.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('counts nobody who is not admitted', async () => {
    const { user, port } = await open();
    const nobody = await user().hello('nobody');
    expect([nobody.heard.map(({ code }) => code), await nobody.closedWith]).toEqual([[101], 4501]);
    await vi.waitFor(() => expect(port.connections).toBe(0), PATIENCE_MS);
  });

  test('ends the sessions of a token that ends, and takes nothing more of them', async () => {
    const { user, port, rig } = await open();
    const phone = await user().hello('ana.phone');
    const bea = await user().hello('bea');
    port.revoke('ana.phone');
    phone.say({ event: 'message', id: 'm', chat: 'c', seq: 1 });
    expect(await phone.closedWith).toBe(4501);
    expect(phone.heard).toMatchObject([{ op: 'welcome' }, { op: 'error', code: 101 }]);
    expect([bea.socket.readyState, rig.ingest.settlement.received]).toEqual([WebSocket.OPEN, 0]);
  });

  test('refuses a frame above 64 KiB with the link kept, and closes for one above 1 MiB', async () => {
    const { user } = await open();
    const ana = await user().hello();
    ana.say({ event: 'message', id: 'm', seq: 1, more: 'x'.repeat(70_000) });
    await once(ana.socket, 'message');
    expect(ana.heard[1]).toMatchObject({ op: 'nack', seq: 1, code: 107 });
    ana.say({ event: 'message', id: 'm', seq: 2, more: 'x'.repeat(1_100_000) });
    expect(await ana.closedWith).toBe(1009);
  });

  test('stops with everybody told, and does not wait for those that it refused and who do not listen', async () => {
    const { user, port } = await open();
    const ana = await user().hello();
    const deaf = user([]);
    await once(deaf.socket, 'open');
    deaf.socket.pause();
    await port.stop();
    expect(ana.heard.map(({ op }) => op)).toEqual(['welcome', 'drain']);
    expect(await ana.closedWith).toBe(4001);
    deaf.socket.terminate();
    const late = user();
    await late.closedWith;
    expect(late.socket.protocol).toBe('');
  });

  test('says which setting moves it when its port is taken', async () => {
    const { rig, address, metrics } = await open();
    const options = { address, origins: [], connectionsMax: 1, connectionsPerSubject: 1, metrics, admit };
    const second = UsersPort.open({ ...options, session: rig.deps, clock: rig.deps.steady });
    await expect(second).rejects.toMatchObject({ code: 'PMC_PORT_TAKEN' });
  });
});
