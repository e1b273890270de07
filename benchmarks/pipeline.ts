// How many frames a second go through the whole system: from a WebSocket source, over the log, into rows. All parts share
// this machine's cores, the load and the servers included. A run ends when persistence has put every frame on record.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Environment } from '../service/config.ts';
import { type Figure, spread } from './figures.ts';
import { startScratchStack } from './scratch-stack.ts';

const RECORDED = new URL('../test/data/chaos-socket-frames.jsonl', import.meta.url);
const FRAMES_PER_RUN = 50_000;
const WARM_UP_FRAMES = 20_000;
const SOCKET_BYTES_MAX = 1_048_576;
const POLL_MS = 20;

export async function pipeline(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const templates = await recordedFrames();
  const source = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(source, 'listening');
  const peers: WebSocket[] = [];
  source.on('connection', (peer) => peers.push(peer));
  const url = `ws://127.0.0.1:${(source.address() as AddressInfo).port}`;
  const stack = await startScratchStack(environment, { PMC_SOURCES: url });
  const database = new pg.Client({ connectionString: stack.status.database.url });
  try {
    await database.connect();
    const peer = peers.at(-1);
    if (peer === undefined) throw new Error('the communicator has not connected to the source');
    let sent = 0;
    const rates: number[] = [];
    for (let run = 0; run <= runs; run += 1) {
      const frames = run === 0 ? WARM_UP_FRAMES : FRAMES_PER_RUN;
      const startedMs = performance.now();
      await send(peer, templates, sent, frames);
      sent += frames;
      await stored(database, sent);
      if (run > 0) rates.push((frames / (performance.now() - startedMs)) * 1_000);
    }
    return [{ figure: 'pipeline.stored', unit: 'frames/s', value: spread(rates) }];
  } finally {
    await database.end();
    await stack.stop();
    for (const peer of peers) peer.terminate();
    source.close();
  }
}

/** Recorded frames with an id, cut at the id so that each one sent gets its own. */
async function recordedFrames(): Promise<readonly (readonly [string, string])[]> {
  const frames: [string, string][] = [];
  for await (const line of createInterface({ input: createReadStream(RECORDED) })) {
    const { frame } = JSON.parse(line) as { frame: string };
    const match = /^(.*?"id":")[^"]+(".*)$/s.exec(frame);
    if (match?.[1] !== undefined && match[2] !== undefined) frames.push([match[1], match[2]]);
  }
  return frames;
}

async function send(
  peer: WebSocket,
  templates: readonly (readonly [string, string])[],
  from: number,
  count: number,
): Promise<void> {
  for (let index = from; index < from + count; index += 1) {
    const [before, after] = templates[index % templates.length] as readonly [string, string];
    peer.send(`${before}bench_${index}${after}`);
    if (peer.bufferedAmount > SOCKET_BYTES_MAX) while (peer.bufferedAmount > SOCKET_BYTES_MAX / 2) await sleep(1);
  }
}

async function stored(database: pg.Client, rows: number): Promise<void> {
  for (;;) {
    const result = await database.query<{ rows: string }>('select coalesce(sum(rows_total), 0) as rows from coverage');
    if (Number(result.rows[0]?.rows) >= rows) return;
    await sleep(POLL_MS);
  }
}
