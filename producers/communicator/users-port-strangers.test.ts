import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { open, PATIENCE_MS } from './users-port.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n';

/** A connection that says these bytes; and, when it has ended, all that it heard. */
function raw(port: number, said: string): { readonly socket: Socket; readonly heard: Promise<string> } {
  const socket = connect(port, '127.0.0.1', () => socket.write(said));
  onTestFinished(() => void socket.destroy());
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1'))).on('error', () => undefined);
  return { socket, heard: new Promise((resolve) => socket.once('close', () => resolve(heard))) };
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

  test('finds an end of sockets, which is counted, above the number at which users are told to come back', async () => {
    const { address, user, metrics } = await open({ connectionsMax: 1, limits: { spareSockets: 2 } });
    const ana = await user().hello('ana');
    const silent = [raw(address.port, ''), raw(address.port, '')];
    for (const { socket } of silent) await once(socket, 'connect');
    expect(await raw(address.port, '').heard).toBe('');
    expect((await metrics.connectionsRefused.get()).values).toEqual([{ labels: { reason: 'sockets' }, value: 1 }]);
    expect(ana.socket.readyState).toBe(ana.socket.OPEN);
    silent[0]?.socket.destroy();
    await vi.waitFor(async () => expect(await user().closedWith).toBe(4009), PATIENCE_MS);
  });
});
