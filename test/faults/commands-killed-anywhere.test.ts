// kill -9 of the commands service at each named point, by itself, in the middle of its work; judged on the frames that the chat
// source received over its WebSocket, and on the requests that reached the external API: no reply twice, none missing, no call
// twice that may not be. At the end its group is set back to the beginning with Kafka's official tool, and nothing is said again.
//
// One seed is one kill (two for the relay, which only works on what a crash has left). Those of a round die beside each other, for
// most of a kill's time is the group's wait for the dead. PMC_FAULTS=long runs 200 of them; its
// last result is kept in last-commands-run.json.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { completeArtifact, KAFKA_ARTIFACT } from '../../compose/embedded/artifacts.ts';
import { javaProgram } from '../../compose/embedded/preflight-probe.ts';
import { openAdmin } from '../../kafka/connect.ts';
import type { LogAdmin } from '../../kafka/log.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import { ChatSource } from '../support/chat-source.ts';
import { IS_LONG, keepResult } from '../support/log/suite-form.ts';
import { answerJson, MisbehavingApi } from '../support/misbehaving-api.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import { ServiceProcess } from '../support/service-process.ts';

const RESULT = new URL('./last-commands-run.json', import.meta.url);
const POINTS = [
  ...['commands.batch.decided', 'commands.batch.posted', 'commands.reply.appended', 'commands.reply.marked'],
  ...['commands.call.taken', 'commands.call.answered', 'commands.call.ended'],
  ...['commands.relay.appended', 'commands.relay.marked'],
] as const;
/** It sweeps only what the member that was killed here has left. */
const BEFORE_RELAY = 'commands.batch.posted';
const SEEDS = IS_LONG ? 200 : 20;
const IN_A_ROUND = 4;
const KILL_DEADLINE_MS = 240_000;
const SEND_PAUSE_MS = 500;
const WAIT = { timeout: 90_000, interval: 50 };
const COMMANDS = ['/ping', '/help en', '/api once x', '/ping', '/api again x', '/help pt', '/nonsense', '/ping'];

let source: ChatSource;
let api: MisbehavingApi;
let database: ScratchDatabase;
let admin: LogAdmin;
let communicator: ServiceProcess;
let folder: string;
const sent: string[] = [];
let sends = 0;

beforeAll(async () => {
  source = await ChatSource.start();
  api = await MisbehavingApi.start();
  database = await scratchDatabase(inject('databaseUrl'));
  admin = openAdmin({ config: { brokers: inject('brokers') }, clientId: 'test' });
  folder = await mkdtemp(join(tmpdir(), 'pmc-killed-'));
  const declared = (name: string, idempotent: boolean) => ({
    description: { en: name, pt: name },
    arguments: [{ name: 'city', kind: 'word' }],
    ...{ method: 'POST', url: api.url(`/${name}`), body: {}, private_addresses: true, idempotent },
    ...{ timeout_seconds: 1, retries: 0, per_minute: 10_000, waiting_max: 100_000, reply: '{response.text}' },
    // On a machine that halts for a second a call is late; the ones behind it are to be asked all the same.
    breaker: { failures: 100 },
  });
  const apis = { once: declared('once', false), again: declared('again', true) };
  writeFileSync(join(folder, 'commands.yaml'), JSON.stringify({ apis }));
  for (const name of ['/once', '/again']) api.on(name, answerJson({ text: 'called' }));
  const own = { PMC_SOURCES: source.url, PMC_GATEWAY_PORT: '0', PMC_SPOOL_FOLDER: join(folder, 'spool') };
  communicator = ServiceProcess.start('communicator', environment(own));
  await communicator.ready();
});

afterAll(async () => {
  await communicator?.stop();
  await admin?.stop();
  await source?.stop();
  await api?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function environment(own: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return {
    PMC_KAFKA_BROKERS: inject('brokers').join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
    ...own,
  };
}

function startCommands(killAt = ''): ServiceProcess {
  return ServiceProcess.start(
    'commands',
    environment({ PMC_COMMANDS_FILE: join(folder, 'commands.yaml'), PMC_KILL_AT: killAt }),
  );
}

/** Each in a chat of its own, so that they come in several batches of several partitions. */
async function send(): Promise<void> {
  sends += 1;
  const frames = COMMANDS.map((content, index) => {
    const id = `k${sends}-${index}`;
    sent.push(id);
    const timestamp = new Date().toISOString();
    return JSON.stringify({
      event: 'message',
      id,
      timestamp,
      sender: 'ana',
      chat: `chat-${id}`,
      message_type: 'text',
      content,
    });
  });
  await source.send(frames);
}

/** Which message each reply answers, in the order in which the frames came. */
function answered(): readonly string[] {
  return source.received.map(
    (frame) => (JSON.parse(frame) as { metadata: { in_reply_to: string } }).metadata.in_reply_to,
  );
}

/** What was said to commands of the API that did not come to its answer, and how often. */
function notCalled(): string {
  const said = source.received.map((frame) => (JSON.parse(frame) as { content: string }).content);
  const others = Object.groupBy(
    said.filter((text) => /^(once|again): /u.test(text)),
    (text) => text,
  );
  return JSON.stringify(Object.entries(others).map(([text, all]) => [text, all?.length]));
}

async function allAnswered(service: ServiceProcess): Promise<void> {
  await vi.waitFor(() => {
    const seen = new Set(answered());
    const missing = sent.filter((id) => !seen.has(id));
    if (missing.length > 0) throw new Error(`no reply to ${missing.join(', ')}:\n${service.log.slice(-4_000)}`);
  }, WAIT);
}

interface Victim {
  readonly point: string;
  readonly service: ServiceProcess;
}

function victim(point: string, nth = 1): Victim {
  return { point, service: startCommands(`${point}:${nth}`) };
}

/** Sends until all of them have killed themselves. */
async function killed(victims: readonly Victim[]): Promise<void> {
  const alive = new Set(victims);
  for (const one of victims) void one.service.ended.then(() => alive.delete(one));
  const deadline = Date.now() + KILL_DEADLINE_MS;
  while (alive.size > 0) {
    const late = Date.now() > deadline ? [...alive] : [];
    for (const { point, service } of late) throw new Error(`${point} was not reached:\n${service.log.slice(-4_000)}`);
    await send();
    await pause(SEND_PAUSE_MS);
  }
  for (const { service } of victims) expect(await service.ended).toEqual({ code: null, signal: 'SIGKILL' });
}

/** What comes in a batch of its own comes often enough to be killed at the second time as well. */
function nthOf(point: string, seed: number): number {
  return point.startsWith('commands.call.') ? 1 : 1 + (Math.floor(seed / POINTS.length) % 2);
}

test('no reply is lost or said twice wherever it is killed', { timeout: SEEDS * 60_000 }, async () => {
  const hit = new Map(POINTS.map((point) => [point, 0]));
  const wasHit = (point: (typeof POINTS)[number]): void => void hit.set(point, (hit.get(point) ?? 0) + 1);
  const points = Array.from({ length: SEEDS }, (_, seed) => ({
    seed,
    point: POINTS[seed % POINTS.length] ?? POINTS[0],
  }));
  const isRelay = ({ point }: { readonly point: string }): boolean => point.startsWith('commands.relay.');
  const besides = points.filter((one) => !isRelay(one));
  const survivor = startCommands();
  for (let from = 0; from < besides.length; from += IN_A_ROUND) {
    const round = besides.slice(from, from + IN_A_ROUND);
    await killed(round.map(({ point, seed }) => victim(point, nthOf(point, seed))));
    for (const { point } of round) wasHit(point);
  }
  await allAnswered(survivor);
  expect(await survivor.stop()).toEqual({ code: 0, signal: null });
  // The relay sweeps what the dead have left, so nobody else may be there to do it.
  for (const { point } of points.filter(isRelay)) {
    await killed([victim(BEFORE_RELAY)]);
    await killed([victim(point)]);
    wasHit(point);
    const next = startCommands();
    await allAnswered(next);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
  }
  expect(Math.min(...hit.values())).toBeGreaterThan(0);
  // Each id once: a reply that came twice would be there twice.
  expect([...answered()].sort()).toEqual([...sent].sort());
  const keys = (name: string) => api.asked(name).map(({ headers }) => headers['idempotency-key']);
  expect(new Set(keys('/once')).size).toBe(keys('/once').length);
  const again = sent.filter((id) => COMMANDS[Number(id.split('-')[1])] === '/api again x');
  expect(new Set(keys('/again')).size, notCalled()).toBe(again.length);
  keepResult(RESULT, { kills: Object.fromEntries(hit), commands: sent.length, replies: answered().length });
});

test('nothing is said again after the group was set back with the official tool', async () => {
  const before = { frames: source.received.length, calls: api.arrived.length, log: await logEnd(TOPIC.outgoing) };
  const reset = ['--reset-offsets', '--to-earliest', '--group', GROUP.commands, '--topic', TOPIC.incoming, '--execute'];
  await vi.waitFor(() => officialTool(reset), { timeout: 60_000, interval: 1_000 });
  const service = startCommands();
  await service.ready();
  await vi.waitFor(async () => {
    const committed = await admin.committed(GROUP.commands, TOPIC.incoming);
    const ends = await admin.ends(TOPIC.incoming);
    for (const [partition, { highWatermark, logStart }] of ends) {
      if (highWatermark > logStart) expect(committed.get(partition)).toBe(highWatermark);
    }
  }, WAIT);
  // Sent once more, so that whatever stood before it would have come.
  await send();
  await allAnswered(service);
  await service.stop();
  expect(source.received.length).toBe(before.frames + COMMANDS.length);
  expect(await logEnd(TOPIC.outgoing)).toBe(before.log + BigInt(COMMANDS.length));
  expect(api.arrived.length).toBe(before.calls + 2);
});

test('a stop that cannot come to an end is said and is no success', async () => {
  const { Client } = (await import('pg')).default;
  const service = startCommands();
  await service.ready();
  const blocker = new Client({ connectionString: database.url });
  await blocker.connect();
  try {
    await blocker.query('begin; lock table outbox in access exclusive mode');
    const end = await service.stop();
    expect(end).toEqual({ code: 1, signal: null });
    expect(service.log).toContain('PMC_STOP_OVERDUE');
  } finally {
    await blocker.end();
  }
});

async function logEnd(topic: string): Promise<bigint> {
  return [...(await admin.ends(topic)).values()].reduce((sum, { highWatermark }) => sum + highWatermark, 0n);
}

async function officialTool(args: readonly string[]): Promise<void> {
  const jars = completeArtifact(inject('artifacts'), KAFKA_ARTIFACT);
  const tool = ['-cp', join(jars ?? '', '*'), 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'];
  const broker = ['--bootstrap-server', inject('brokers')[0] ?? ''];
  const { stdout, stderr } = await promisify(execFile)(javaProgram(process.env['JAVA_HOME']), [
    ...tool,
    ...broker,
    ...args,
  ]);
  if (!stdout.includes(TOPIC.incoming)) throw new Error(`the tool did not reset: ${stdout} ${stderr}`);
}
