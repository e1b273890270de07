// The simulator in this process, on free ports and in a scratch folder, with its API at hand; and peers that remember what
// they got. Both end with the test.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { chaosSettings } from '../../producers/chaos-socket/config.ts';
import { startChaosSocket } from '../../producers/chaos-socket/server.ts';
import { parseLedgerLine } from '../../producers/chaos-socket/verdict/ledger-line.ts';
import { readSettings, serviceSettings } from '../../service/config.ts';
import { Health } from '../../service/health.ts';

const WITHIN = { timeout: 20_000, interval: 20 };

/** Waits for what comes about between a simulator and its peers, also on a machine that stands still for seconds. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> => vi.waitFor(check, WITHIN);

export async function startSimulator(environment: Record<string, string> = {}) {
  const home = await mkdtemp(join(tmpdir(), 'pmc-chaos-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const settings = { ...chaosSettings, ...serviceSettings };
  const config = readSettings({ PMC_HOME: home, WS_PORT: '0', API_PORT: '0', ...environment }, settings);
  const health = new Health();
  const metrics = new Registry();
  const logger = pino({ level: 'silent' });
  const fail = (error: unknown) => expect.unreachable(String(error));
  const { signal: stopping } = new AbortController();
  let skippedMs = 0;
  const clock = { nowMs: () => Date.now() + skippedMs };
  /** What lasts by the clock is over, without anybody having waited; what lasts by a timer is not. */
  const skip = (ms: number) => void (skippedMs += ms);
  const context = { name: 'chaos-socket', logger, metrics, health, clock, stopping, fail };
  const service = await startChaosSocket(config, context);
  const stop = () => service.stop({ deadlineMs: 4_000 });
  onTestFinished(stop);
  const { wsUrl, apiUrl } = health.report().facts['chaos'] as { wsUrl: string; apiUrl: string };
  const get = async (path: string) => {
    const response = await fetch(apiUrl + path);
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const post = async (path: string, text: string, type = 'application/json') => {
    const response = await fetch(apiUrl + path, { method: 'POST', body: text, headers: { 'content-type': type } });
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const ledger = async () => {
    const text = await (await fetch(`${apiUrl}/api/ledger`)).text();
    return text.split('\n').flatMap((line, index) => (line === '' ? [] : [parseLedgerLine(line, index + 1)]));
  };
  /** The frames that were sent. */
  const sent = async () => (await ledger()).filter((line) => line.line === 'sent');
  return { home, health, metrics, stop, skip, wsUrl, apiUrl, get, post, ledger, sent };
}

export type Peer = Awaited<ReturnType<typeof meet>>;

/** A peer that remembers the bytes of every frame. */
export async function meet(wsUrl: string, protocols: string[] = []) {
  const socket = new WebSocket(wsUrl, protocols, { skipUTF8Validation: true });
  const frames: { bytes: Buffer; binary: boolean }[] = [];
  socket.on('message', (bytes: Buffer, binary) => frames.push({ bytes, binary }));
  await once(socket, 'open');
  const got = (count: number) => eventually(() => expect(frames.length).toBeGreaterThanOrEqual(count));
  return { socket, frames, got };
}
