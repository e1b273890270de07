// Excludes: a client that loses, repeats or disorders what it sends while its connection breaks, that is told wrong coordinates, or that
// handles a reply twice. The client against the whole system, over a proxy that cuts, resets and swallows.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LinkProxy } from '../../experiment/faults/link-proxy.ts';
import { type Acknowledgement, connect } from '../../producers/client/client.ts';
import type { ClientOptions } from '../../producers/client/client-options.ts';
import { FileStore } from '../../producers/client/file-store.ts';
import { MemoryStore } from '../../producers/client/store.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { ChatSource } from '../support/chat-source.ts';
import { System } from '../support/system.ts';

const MAIN = fileURLToPath(new URL('../../producers/client/main.ts', import.meta.url));
const MESSAGES = 500;
/** Every so many messages is a command, which is answered. */
const COMMAND_EVERY = 50;
/** After so many acknowledgements over one connection something happens to the link. */
const CALM = 8;
const BREAKS = ['reset', 'cut', 'half-open'] as const;

let source: ChatSource;
let system: System;
let token: string;

beforeAll(async () => {
  // A source that says nothing: all that is stored is the client's. A burst that takes many connections, and a rate at which one whose
  // acknowledgements are late by seconds takes little more than that: there is always more left to break.
  source = await ChatSource.start();
  system = await System.start({ PMC_SOURCES: source.url, PMC_USER_RATE: '20', PMC_USER_BURST: '50' });
  token = await newToken('ann');
  await vi.waitFor(() => isKnown(token), { timeout: 60_000, interval: 250 });
});

afterAll(async () => {
  const outcome = await system?.stop();
  await source?.stop();
  expect(outcome).toBe(0);
});

async function newToken(subject: string): Promise<string> {
  const { code, stdout, stderr } = await system.pmc('token', 'create', '--role', 'user', '--subject', subject);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

/** A communicator hears of a new token within seconds. */
async function isKnown(one: string): Promise<void> {
  const url = system.status.gateway.url;
  const probe = await connect({ url, token: one, store: new MemoryStore(), onDispatch: () => undefined });
  try {
    await probe.send({ event: 'presence', user: 'ann', status: 'online' });
  } finally {
    await probe.close();
  }
}

function scratchStore(): FileStore {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return new FileStore(join(folder, 'events.db'));
}

async function joined(options: Pick<ClientOptions, 'url' | 'onDispatch'> & Partial<ClientOptions>) {
  const client = await connect({ token, store: scratchStore(), ...options });
  onTestFinished(() => client.close());
  return client;
}

const message = (content: string, id: string) => ({
  event: 'message',
  id,
  sender: 'ann',
  chat: `chat-${Number(id.split('-').at(-1)) % 7}`,
  message_type: 'text',
  content,
  metadata: {},
});

interface Row extends Record<string, unknown> {
  readonly event_id: string;
  readonly partition: number;
  readonly record_offset: string;
}

test('500 messages over a link that breaks again and again are rows once, in order, where their callers were told', async () => {
  const { hostname: host, port } = new URL(system.status.gateway.url);
  const proxy = await LinkProxy.listen({ host, port: Number(port) });
  onTestFinished(() => proxy.close());
  const handled: string[] = [];
  let breaks = 0;
  let broken = 0;
  let calm = CALM;
  const client = await joined({
    url: `ws://127.0.0.1:${proxy.port}`,
    onDispatch: ({ id }) => void handled.push(String(id)),
    onOutcome: (outcome) => {
      // What is settled by a welcome says nothing about this connection.
      if (!outcome.ok || outcome.at === undefined) return;
      if (--calm > 0 || broken === proxy.accepted) return;
      calm = CALM;
      broken = proxy.accepted;
      breakLink(proxy, BREAKS[breaks++ % BREAKS.length] ?? 'reset');
    },
  });
  const ids = Array.from({ length: MESSAGES }, (_, index) => `m-${index}`);
  const told = await Promise.all(
    ids.map((id, index) => client.send(message(index % COMMAND_EVERY === 0 ? '/ping' : `text ${index}`, id))),
  );
  expect(told.map(({ id, seq }) => [id, seq])).toEqual(ids.map((id, index) => [id, index + 1]));
  expect(breaks).toBeGreaterThan(5);
  expect(proxy.accepted).toBeGreaterThan(breaks - 1);

  const replies = MESSAGES / COMMAND_EVERY;
  await vi.waitFor(() => expect(handled.length).toBeGreaterThanOrEqual(replies), { timeout: 60_000, interval: 100 });
  // Each reply's acknowledgement is an event on the log, and a row.
  await vi.waitFor(async () => expect(await rowsOf('delivered')).toHaveLength(replies), {
    timeout: 60_000,
    interval: 250,
  });
  expect((await rowsOf('delivered')).map(({ event_id }) => event_id).sort()).toEqual([...handled].sort());
  expect(new Set(handled).size).toBe(replies);

  // Each partition is stored in its own time: that the replies are says nothing of the last messages.
  await vi.waitFor(async () => expect((await rowsOf('message')).length).toBeGreaterThanOrEqual(MESSAGES), {
    timeout: 60_000,
    interval: 250,
  });
  const rows = await rowsOf('message');
  expect(rows.map(({ event_id }) => event_id).sort()).toEqual([...ids].sort());
  expect(placesTold(told).length).toBeGreaterThan(0);
  const places = new Map(rows.map((row) => [row.event_id, `${row.partition}@${row.record_offset}`]));
  for (const [id, place] of placesTold(told)) expect([id, place]).toEqual([id, places.get(id)]);
  const inOrder = rows.toSorted((a, b) => Number(a.record_offset) - Number(b.record_offset));
  for (const partition of new Set(rows.map((row) => row.partition))) {
    const numbers = inOrder.filter((row) => row.partition === partition).map(({ event_id }) => ids.indexOf(event_id));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
  const { code, report } = await system.audit();
  expect([code, report.verdict]).toEqual([0, 'pass']);
  // What is said again about a reply, because the first time may have been lost, is on the log again, and nothing else is.
  const again = report.findings.map(({ kind, id }) => [kind, handled.includes(String(id))]);
  expect(again).toEqual(again.map(() => ['duplicate', true]));
});

test('what a client could not send before it ended is sent by the next one; a communicator that restarts loses nothing', async () => {
  const { url } = system.status.gateway;
  const store = scratchStore();
  const away = await joined({ url: 'ws://127.0.0.1:1', store, onDispatch: () => undefined });
  const ids = Array.from({ length: 20 }, (_, index) => `late-${index}`);
  const sending = ids.map((id) => away.send(message('late', id)).catch(() => undefined));
  await vi.waitFor(() => expect(away.status.last).toBe(20), { timeout: 20_000 });
  await away.close();
  await Promise.all(sending);
  const outcomes: string[] = [];
  const back = await joined({ url, store, onDispatch: () => undefined, onOutcome: ({ id }) => outcomes.push(id) });
  await back.settled();
  expect(outcomes).toEqual(ids);
  expect(back.status.epoch).toBe(away.status.epoch);

  const before = await system.kill('communicator', 'SIGKILL');
  const more = Array.from({ length: 20 }, (_, index) => `later-${index}`);
  const told = Promise.all(more.map((id) => back.send(message('later', id))));
  await system.restarted('communicator', before);
  expect((await told).map(({ id }) => id)).toEqual(more);
  await vi.waitFor(
    async () => {
      const stored = (await rowsOf('message')).map(({ event_id }) => event_id).filter((id) => id.startsWith('late'));
      expect(stored.sort()).toEqual([...ids, ...more].sort());
    },
    { timeout: 60_000, interval: 250 },
  );
});

test('the client on a terminal sends a line and prints the reply', async () => {
  const program = spawn(process.execPath, [MAIN, '--url', system.status.gateway.url, '--wait', '60', '--json'], {
    env: { PATH: process.env['PATH'], PMC_TOKEN: token },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: { readonly type: string }[] = [];
  createInterface({ input: program.stdout }).on('line', (line) => lines.push(JSON.parse(line) as { type: string }));
  program.stdin.end('/ping\n');
  await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 30_000, interval: 100 });
  // A reply may overtake the acknowledgement.
  expect(lines.toSorted((a, b) => a.type.localeCompare(b.type))).toMatchObject([
    { type: 'acknowledged', seq: 1, topic: TOPIC.incoming, partition: expect.any(Number), offset: expect.any(Number) },
    { type: 'dispatch', event: { event: 'message', sender: 'pmc', metadata: { command: 'ping' } } },
  ]);
  program.kill('SIGINT');
  expect(await once(program, 'exit')).toEqual([130, null]);
});

test('a token that is not taken ends the client with the reason', async () => {
  const { url } = system.status.gateway;
  const wrong = await joined({ url, token: 'no such token', onDispatch: () => undefined });
  expect(await wrong.ended).toMatchObject({ code: 'PMC_CLIENT_UNAUTHORISED', message: expect.stringContaining('101') });
});

/** Until it was felt: a link that swallows must have swallowed something, and breaks after that. */
function breakLink(proxy: LinkProxy, kind: (typeof BREAKS)[number]): void {
  const before = proxy.vanishedBytes;
  proxy.begin(kind);
  const healing = setInterval(() => {
    if (kind === 'half-open' && proxy.vanishedBytes === before) return;
    clearInterval(healing);
    proxy.heal();
  }, 10);
}

function rowsOf(kind: string): Promise<readonly Row[]> {
  const sql = `select event_id, partition, record_offset from message_metadata where source = 'user:ann' and kind = $1`;
  return system.rows<Row>(sql, [kind]);
}

function placesTold(told: readonly Acknowledgement[]): readonly (readonly [string, string])[] {
  return told.flatMap(({ id, at }) => (at === undefined ? [] : [[id, `${at.partition}@${at.offset}`] as const]));
}
