// Whoever connects to the simulator as a gateway does: takes its hello, says a welcome, and goes on by hand.
import { expect } from 'vitest';
import { eventually, meet, type Peer, type startSimulator } from './simulator.ts';

export type Simulator = Awaited<ReturnType<typeof startSimulator>>;

interface Numbered {
  readonly op?: string;
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

interface Joining {
  readonly last?: { epoch: string; seq: number };
  readonly path?: string;
  readonly window?: number;
  /** Where its replies go on. */
  readonly in?: object;
}

const WINDOW = 50;

export const parsed = ({ frames }: Peer) => frames.map(({ bytes }) => JSON.parse(String(bytes)) as Numbered);

export async function join(simulator: Simulator, { last, path = '', window = WINDOW, in: down }: Joining = {}) {
  const peer = await meet(simulator.wsUrl + path, ['pmc.v1']);
  await peer.got(1);
  const [hello] = parsed(peer) as [Numbered];
  expect(hello).toMatchObject({ op: 'hello', v: 1 });
  const say = (frame: object) => peer.socket.send(JSON.stringify(frame));
  say({ op: 'welcome', last: last ?? null, in: down, limits: { window } });
  const ack = (upto: number, epoch = hello.epoch) => say({ op: 'ack', epoch, upto });
  return { ...peer, hello, say, ack };
}

/** Nobody is connected any more. */
export async function gone(simulator: Simulator): Promise<void> {
  await eventually(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(0));
}
