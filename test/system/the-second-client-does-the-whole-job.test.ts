// The same system with the second Kafka client in every service: frames become rows with the same bytes, commands get one reply each, the
// audit finds nothing, and what is deleted comes back by an offset reset.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import { ChatSource } from '../support/chat-source.ts';
import { System } from '../support/system.ts';

const FRAMES = 3_000;
const CHATS = 40;
const DELETED = 25;
const WAIT = { timeout: 60_000, interval: 250 };
const HASHES = `select encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex') as hash from message_metadata order by 1`;

let source: ChatSource;
let system: System;
const sent: string[] = [];

beforeAll(async () => {
  source = await ChatSource.start();
  const client = 'platformatic';
  system = await System.start({ PMC_SOURCES: source.url, PMC_KAFKA_APPENDER: client, PMC_KAFKA_READER: client });
});

afterAll(async () => {
  const outcome = await system?.stop();
  await source?.stop();
  expect(outcome).toBe(0);
});

function message(id: string, chat: number, content: string): string {
  const about = { sender: 'ada', chat: `chat-${chat}`, message_type: 'text', content };
  return JSON.stringify({ event: 'message', id, timestamp: '2026-11-26T07:00:00.000Z', ...about });
}

async function send(frames: readonly string[]): Promise<void> {
  await source.send(frames);
  sent.push(...frames);
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), WAIT);
}

async function storedHashes(): Promise<readonly string[]> {
  return (await system.rows<{ hash: string }>(HASHES)).map(({ hash }) => hash);
}

function sentHashes(): readonly string[] {
  return sent.map((frame) => createHash('sha256').update(frame).digest('hex')).sort();
}

test('every frame is a row with the same bytes, and the audit finds them all', async () => {
  await send(Array.from({ length: FRAMES }, (_, index) => message(`m-${index}`, index % CHATS, `text ${index}`)));
  expect(await storedHashes()).toEqual(sentHashes());
  const { code, report } = await system.audit();
  expect([code, report.verdict, report.findings]).toEqual([0, 'pass', []]);
  expect(report.accounts).toMatchObject({ settled: FRAMES, stored: FRAMES, missing: 0, extra: 0, residual: 0 });
});

test('a command gets one reply', async () => {
  const asked = Array.from({ length: 10 }, (_, chat) => message(`ask-${chat}`, chat, '/ping'));
  await send(asked);
  const answered = () =>
    source.received.map((text) => (JSON.parse(text) as { metadata: { in_reply_to: string } }).metadata.in_reply_to);
  await vi.waitFor(() => expect(answered().sort()).toEqual(asked.map((_, chat) => `ask-${chat}`)), WAIT);
});

test('what is deleted is named, and comes back by an offset reset without a second reply', async () => {
  const replies = source.received.length;
  await system.rows(
    `delete from message_metadata where id in (select id from message_metadata order by md5(id::text) limit ${DELETED})`,
  );
  const broken = await system.audit();
  expect([broken.code, broken.report.accounts.missing]).toEqual([3, DELETED]);
  await system.pmc('service', 'stop', 'persistence');
  const reset = ['--reset-offsets', '--to-earliest', '--topic', TOPIC.incoming, '--execute'];
  expect((await system.pmc('kafka', 'consumer-groups', '--group', GROUP.persistence, ...reset)).code).toBe(0);
  await system.pmc('service', 'start', 'persistence');
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBe(sent.length), WAIT);
  expect(await storedHashes()).toEqual(sentHashes());
  const healed = await system.audit();
  expect([healed.code, healed.report.verdict, source.received.length]).toEqual([0, 'pass', replies]);
});
