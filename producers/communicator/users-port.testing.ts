// The port of users on a real address, with sessions over a scripted log, and users who dial it. The test file mocks the registry's client.
import { once } from 'node:events';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import WebSocket from 'ws';
import type { Admit } from './admission.ts';
import { communicatorMetrics } from './metrics.ts';
import { Rig } from './session.testing.ts';
import { UsersPort, type UsersPortOptions } from './users-port.ts';

export const PATIENCE_MS = 20_000;
const HELLO = { op: 'hello', v: 1, stream: 's', epoch: 'E1' };
/** A token is `name` or `name.token`; `nobody` is not admitted. */
export const admit: Admit = ({ token = 'ana' }) =>
  token === 'nobody'
    ? { ok: false, error: 'unauthorized', reason: 'unknown', close: 'unauthorized' }
    : { ok: true, source: `user:${token.split('.')[0]}`, isDialled: false, tokenId: token, rate: 50, burst: 100 };

export type Limits = Partial<Pick<UsersPortOptions, 'connectionsMax' | 'connectionsPerSubject' | 'limits'>>;

export async function openOn(number: number, { connectionsMax = 100, connectionsPerSubject = 2, limits }: Limits) {
  const rig = await Rig.open();
  const metrics = communicatorMetrics(new Registry());
  const address = { host: '127.0.0.1', port: number };
  const port = await UsersPort.open({
    address,
    origins: ['https://chat.example'],
    connectionsMax,
    connectionsPerSubject,
    limits,
    session: rig.deps,
    metrics,
    clock: rig.deps.steady,
    admit,
  });
  onTestFinished(() => port.stop());
  const user = (protocols: readonly string[] = ['pmc.v1'], headers: Readonly<Record<string, string>> = {}): User =>
    new User(`ws://127.0.0.1:${address.port}`, protocols, headers);
  return { rig, metrics, port, user, address };
}

export class User {
  readonly socket: WebSocket;
  readonly heard: { op: string; [field: string]: unknown }[] = [];
  readonly closedWith: Promise<number>;

  constructor(url: string, protocols: readonly string[], headers: Readonly<Record<string, string>>) {
    this.socket = new WebSocket(url, [...protocols], { headers });
    this.socket.on('message', (data: Buffer) => this.heard.push(JSON.parse(data.toString('utf8'))));
    this.socket.on('error', () => undefined);
    this.closedWith = new Promise((resolve) => this.socket.once('close', resolve));
  }

  async hello(token?: string): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, 'open');
    // Two connections of one stream would replace each other.
    this.say({ ...HELLO, stream: `of ${token}`, ...(token === undefined ? {} : { token }) });
    await Promise.race([once(this.socket, 'message'), this.closedWith]);
    return this;
  }

  say(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }
}
