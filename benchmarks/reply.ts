// How long a command takes from its frame on the source's WebSocket to the frame of its reply, at 100 commands a second; and the
// same trip over RabbitMQ, taking turns in one run. An open loop: a command is sent when it is due, however late the replies
// before it are, and its time runs from when it was due.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Environment } from '../service/config.ts';
import { type Figure, spread } from './figures.ts';
import { percentile } from './percentile.ts';
import { startScratchStack } from './scratch-stack.ts';

const PER_SECOND = 100;
const RUN_SECONDS = 20;
const WARM_UP_SECONDS = 15;
const REPLIES_WITHIN_MS = 30_000;
const RABBIT = fileURLToPath(new URL('./reply-rabbitmq.ts', import.meta.url));
const RABBIT_URL = 'amqp://guest:guest@127.0.0.1:5672';

interface Trip {
  readonly p50: number;
  readonly p99: number;
}

export async function reply(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const peers = new Map<string, WebSocket>();
  server.on('connection', (peer, { url: path = '' }) => peers.set(path, peer));
  const rabbit = ['worker', 'bridge'].map((role) =>
    fork(RABBIT, [role, environment['RABBITMQ_URL'] ?? RABBIT_URL, `pmc-bench-${process.pid}`, `${url}/rabbitmq`]),
  );
  const stack = await startScratchStack(environment, { PMC_SOURCES: `${url}/pmc` });
  try {
    const [ours, theirs] = await Promise.all([connected(peers, '/pmc'), connected(peers, '/rabbitmq')]);
    await Promise.all([measure(ours, WARM_UP_SECONDS), measure(theirs, WARM_UP_SECONDS)]);
    const rounds: { ours: Trip; theirs: Trip }[] = [];
    for (let run = 0; run < runs; run += 1) {
      rounds.push({ ours: await measure(ours, RUN_SECONDS), theirs: await measure(theirs, RUN_SECONDS) });
    }
    return (['p50', 'p99'] as const).flatMap((name): readonly Figure[] => [
      { figure: `reply.RabbitMQ.${name}-ms`, unit: 'ms', value: spread(rounds.map(({ theirs: one }) => one[name])) },
      {
        figure: `reply.${name}-ms`,
        unit: 'ms',
        value: spread(rounds.map(({ ours: one }) => one[name])),
        against: 'RabbitMQ',
        ratio: spread(rounds.map((round) => round.ours[name] / round.theirs[name])),
      },
    ]);
  } finally {
    await stack.stop();
    await Promise.all(rabbit.map(ended));
    for (const peer of server.clients) peer.terminate();
    server.close();
  }
}

async function connected(peers: ReadonlyMap<string, WebSocket>, path: string): Promise<WebSocket> {
  for (let waitedMs = 0; waitedMs < REPLIES_WITHIN_MS; waitedMs += 100) {
    const peer = peers.get(path);
    if (peer !== undefined) return peer;
    await sleep(100);
  }
  throw new Error(`nobody has connected to ${path}`);
}

let sent = 0;

async function measure(peer: WebSocket, seconds: number): Promise<Trip> {
  const due = new Map<string, number>();
  const tookMs: number[] = [];
  const total = seconds * PER_SECOND;
  const all = Promise.withResolvers<void>();
  const onFrame = (data: Buffer): void => {
    const { metadata } = JSON.parse(data.toString('utf8')) as { metadata?: { in_reply_to?: string } };
    const id = metadata?.in_reply_to ?? '';
    const dueMs = due.get(id);
    if (dueMs === undefined) return;
    due.delete(id);
    tookMs.push(performance.now() - dueMs);
    if (tookMs.length === total) all.resolve();
  };
  peer.on('message', onFrame);
  const startedMs = performance.now();
  for (let index = 0; index < total; index += 1) {
    const dueMs = startedMs + (index * 1_000) / PER_SECOND;
    const aheadMs = dueMs - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    sent += 1;
    const id = `bench-${sent}`;
    due.set(id, dueMs);
    const timestamp = new Date().toISOString();
    // Each in a chat of its own: nobody is told that a limit is reached.
    peer.send(
      JSON.stringify({
        event: 'message',
        id,
        timestamp,
        sender: 'bench',
        chat: id,
        message_type: 'text',
        content: '/ping',
      }),
    );
  }
  const late = setTimeout(
    () => all.reject(new Error(`${due.size} of ${total} commands have no reply`)),
    REPLIES_WITHIN_MS,
  );
  await all.promise.finally(() => clearTimeout(late));
  peer.off('message', onFrame);
  const ascending = tookMs.sort((a, b) => a - b);
  return { p50: percentile(ascending, 0.5), p99: percentile(ascending, 0.99) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  await exited;
}
