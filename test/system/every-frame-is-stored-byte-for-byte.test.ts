// The main job, end to end on the whole system: recorded and hostile frames go in through a WebSocket, PostgreSQL says what
// it holds, the audit says whether that is all. Then rows are deleted and come back by an offset reset, and nobody is
// answered twice.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { ChatSource } from '../support/chat-source.ts';
import { System } from '../support/system.ts';

const RECORDED = new URL('../data/chaos-socket-frames.jsonl', import.meta.url);
const STORED_HASHES = `select encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex') as hash from message_metadata`;

const STATUSES_MAX = 20;

let source: ChatSource;
let system: System;
const sent: string[] = [];

beforeAll(async () => {
  source = await ChatSource.start();
  system = await System.start({ PMC_SOURCES: source.url });
});

afterAll(async () => {
  const outcome = await system?.stop();
  await source?.stop();
  expect(outcome).toBe(0);
});

function sha256(frame: string): string {
  return createHash('sha256').update(frame).digest('hex');
}

async function storedHashes(): Promise<readonly string[]> {
  const rows = await system.rows<{ hash: string }>(STORED_HASHES);
  return rows.map(({ hash }) => hash).sort();
}

async function recordedFrames(): Promise<readonly string[]> {
  const frames: string[] = [];
  for await (const line of createInterface({ input: createReadStream(RECORDED) })) {
    frames.push((JSON.parse(line) as { frame: string }).frame);
  }
  return frames;
}

function replies(): readonly { id: string; content: string; metadata: { command: string } }[] {
  return source.received.map(
    (text) => JSON.parse(text) as { id: string; content: string; metadata: { command: string } },
  );
}

function statuses(): readonly string[] {
  return replies().flatMap(({ metadata, content }) => (metadata.command === 'status' ? [content] : []));
}

test('every recorded frame is a row with the same bytes', async () => {
  const frames = await recordedFrames();
  expect(frames).toHaveLength(8_452);
  await source.send(frames);
  sent.push(...frames);
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), {
    timeout: 60_000,
    interval: 250,
  });
  expect(await storedHashes()).toEqual(sent.map(sha256).sort());

  const { code, report } = await system.audit();
  expect(report).toMatchObject({ schemaVersion: 1, verdict: 'pass', coverage: 1, findings: [], hints: [] });
  expect(report.accounts).toMatchObject({
    settled: sent.length,
    stored: sent.length,
    missing: 0,
    extra: 0,
    residual: 0,
  });
  expect(code).toBe(0);
  const verdicts = Object.fromEntries(report.stages.map(({ stage, verdict }) => [stage, verdict]));
  expect(verdicts).toMatchObject({
    'source-to-gateway': 'not-measurable',
    'gateway-to-log': 'pass',
    'log-to-stored': 'pass',
  });
});

test('odd frames are stored as they are, impossible ones are kept as rejected', async () => {
  const deep = (levels: number) =>
    `{"event":"message","id":"deep-${levels}","x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  const odd = [
    '{"event":"message","id":"nul","chat":"c","sender":"s","content":"a\\u0000b"}',
    '{"event":"message","id":"lone","chat":"c","sender":"s","content":"\\ud800 and \\udc00"}',
    '{ "event" : "message", "id":"spaces", "n": 1.0e2, "n": 12345678901234567890 }',
    '{"event":"message","id":"types","chat":7,"sender":{"a":1},"content":[1],"timestamp":"yesterday"}',
    '{"event":"nobody-knows","id":"unknown"}',
    '{}',
    deep(16),
    `{"event":"message","id":"large","content":"${'x'.repeat(60_000)}"}`,
  ];
  const impossible = [
    '',
    'no json',
    '{"event":"message"',
    '[]',
    '42',
    'null',
    '"text"',
    deep(17),
    `{"x":"${'y'.repeat(70_000)}"}`,
  ];
  await source.send(odd);
  await source.send(impossible);
  await source.send([Buffer.from([0x7b, 0xff, 0xfe, 0x7d])]);
  await source.send([Buffer.from('{"event":"message"}')], { binary: true });
  sent.push(...odd);
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), {
    timeout: 30_000,
    interval: 250,
  });
  expect(await storedHashes()).toEqual(sent.map(sha256).sort());
  expect(await system.count('quarantine')).toBe(0);

  const { report } = await system.audit();
  expect(report.verdict).toBe('pass');
  const gateway = report.stages.find(({ stage }) => stage === 'gateway-to-log');
  const inLog = gateway?.epochs?.reduce((sum, epoch) => sum + epoch.inLog, 0);
  expect(inLog).toBe(sent.length + impossible.length + 2);
});

test('a command gets one reply', async () => {
  const ask = (name: string) =>
    JSON.stringify({
      event: 'message',
      id: `ask-${name}`,
      sender: 'ada',
      chat: 'chat-1',
      message_type: 'text',
      content: `/${name}`,
    });
  const frames = ['help', 'status', 'info', 'ping'].map(ask);
  await source.send(frames);
  sent.push(...frames);
  await vi.waitFor(() => expect(replies()).toHaveLength(4), { timeout: 60_000 });
  expect(
    replies()
      .map(({ metadata }) => metadata.command)
      .sort(),
  ).toEqual(['help', 'info', 'ping', 'status']);
  // A fact that nobody tells within a second is told as unknown: then it is asked for again.
  for (let asked = 1; /^(?:Services|Stored): unknown/m.test(statuses().at(-1) ?? ''); asked += 1) {
    expect(asked).toBeLessThan(STATUSES_MAX);
    const again = ask('status').replace('ask-status', `ask-status-${asked}`);
    await source.send([again]);
    sent.push(again);
    await vi.waitFor(() => expect(statuses()).toHaveLength(asked + 1), { timeout: 60_000 });
  }
  expect(statuses().at(-1)).toMatch(/persistence running/);
  expect(statuses().at(-1)).toMatch(/Stored: 8,4\d\d/);
});

test('deleted rows are named exactly, and come back by an offset reset without a second reply', {
  timeout: 300_000,
}, async () => {
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), {
    timeout: 30_000,
    interval: 250,
  });
  const deleted = await system.rows<{ partition: number; record_offset: string; event_id: string | null }>(
    `delete from message_metadata where id in (select id from message_metadata order by md5(id::text) limit 100)
     returning partition, record_offset, event_id`,
  );
  const place = (one: { partition?: number | undefined; offset?: number | undefined }) =>
    `${one.partition}@${one.offset}`;
  const broken = await system.audit();
  expect(broken.code).toBe(3);
  expect(broken.report.verdict).toBe('fail');
  expect(broken.report.accounts).toMatchObject({ missing: 100, residual: 0, extra: 0 });
  const named = (findings: readonly Finding[]) => findings.map(place).sort();
  expect(named(broken.report.findings)).toEqual(deleted.map((row) => `${row.partition}@${row.record_offset}`).sort());
  expect(new Set(broken.report.findings.map(({ kind, stage, topic }) => `${kind} ${stage} ${topic}`))).toEqual(
    new Set([`missing log-to-stored ${TOPIC.incoming}`]),
  );

  const counts = {
    replies: source.received.length,
    effects: await system.count('effects'),
    duplicates: await system.count('duplicates'),
  };
  expect((await system.pmc('service', 'stop', 'persistence')).code).toBe(0);
  const reset = await resetToEarliest();
  expect(reset.stdout).toContain(TOPIC.incoming);
  expect((await system.pmc('service', 'start', 'persistence')).code).toBe(0);
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), {
    timeout: 60_000,
    interval: 250,
  });

  expect(await storedHashes()).toEqual(sent.map(sha256).sort());
  const healed = await system.audit();
  expect(healed.report).toMatchObject({ verdict: 'pass', coverage: 1, findings: [] });
  expect(healed.report.accounts).toMatchObject({
    settled: sent.length,
    stored: sent.length,
    duplicateOf: 0,
    residual: 0,
  });
  expect({
    replies: source.received.length,
    effects: await system.count('effects'),
    duplicates: await system.count('duplicates'),
  }).toEqual(counts);
});

test('commands answer nothing again after their group was reset', { timeout: 300_000 }, async () => {
  const before = source.received.length;
  await system.pmc('service', 'stop', 'commands');
  expect((await resetToEarliest(GROUP.commands)).code).toBe(0);
  await system.pmc('service', 'start', 'commands');
  const last =
    '{"event":"message","id":"after","sender":"ada","chat":"chat-1","message_type":"text","content":"/ping"}';
  await source.send([last]);
  sent.push(last);
  await vi.waitFor(() => expect(source.received.length).toBeGreaterThan(before), { timeout: 120_000 });
  await vi.waitFor(
    async () => {
      const { stdout } = await system.pmc('kafka', 'consumer-groups', '--describe', '--group', GROUP.commands);
      const lags = stdout
        .split('\n')
        .filter((line) => line.includes(TOPIC.incoming))
        .map((line) => line.trim().split(/\s+/)[5]);
      expect(new Set(lags)).toEqual(new Set(['0']));
    },
    { timeout: 120_000, interval: 1_000 },
  );
  expect(source.received).toHaveLength(before + 1);
});

/** With Kafka's own tool, as an operator would; the group must have no members, which takes it a moment to notice. */
async function resetToEarliest(group: string = GROUP.persistence) {
  const args = ['--reset-offsets', '--to-earliest', '--group', group, '--topic', TOPIC.incoming, '--execute'];
  return await vi.waitFor(
    async () => {
      const answer = await system.pmc('kafka', 'consumer-groups', ...args);
      if (answer.code !== 0 || /error/i.test(answer.stdout + answer.stderr))
        throw new Error(answer.stdout + answer.stderr);
      return answer;
    },
    { timeout: 120_000, interval: 2_000 },
  );
}
