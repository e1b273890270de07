// The frames are compared with a recording of the original: what it sent over 100 connections.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FrameWriter, kindLabel } from './frame-writer.ts';
import { planEvents } from './generator.ts';
import { populate } from './population.ts';
import { loadProfile } from './profile-files.ts';

const START_MS = Date.parse('2026-11-22T20:45:46.381Z');
const RUN = '01KAJX5T7Z0000000000000ABC';
const recorded = readFileSync(join(import.meta.dirname, '../../test/data/chaos-socket-frames.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => (JSON.parse(line) as { frame: string }).frame);

function writerOf(profileId: string, run = RUN, seed = 7) {
  const profile = loadProfile(profileId);
  const population = populate(seed, { senders: profile.sender.count, chats: profile.chat?.count });
  const plan = planEvents({ profile, population, seed, stream: 0 });
  return { writer: new FrameWriter(profile, population, { run, seed }), plan };
}

function framesOf(profileId: string, count: number, run = RUN): readonly string[] {
  const { writer, plan } = writerOf(profileId, run);
  const planned = Array.from({ length: count }, () => writer.planned(plan.next().value, START_MS).text);
  return [writer.hello(START_MS).text, ...planned];
}

/** Keys in their order with the style of each value: what may vary is replaced by what it is. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([key, one]) => [key, key === 'reaction' ? '<reaction>' : shapeOf(one)]);
  }
  if (typeof value !== 'string') return typeof value === 'boolean' && '<boolean>';
  return value
    .replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, '<time>')
    .replace(/^msg_\d{13}_[0-9a-z]{9}$/, '<message id>')
    .replace(/^chat_\d{13}_[0-9a-z]{6}$/, '<chat>')
    .replace(/^sender_\d+_\d{1,3}@example\.com$/, '<sender>')
    .replace(/^(composing|paused|stopped)$/, '<typing state>')
    .replace(/^(online|offline|away)$/, '<presence state>')
    .replace(/(?<!\d)\d{13}(?!\d)/, '<ms>');
}

function shapesOf(frames: readonly string[]): readonly string[] {
  return [...new Set(frames.map((frame) => JSON.stringify(shapeOf(JSON.parse(frame)))))].toSorted();
}

/** The recording holds a few short ids (its random letters lose trailing zeros) that ours never have. */
const regular = recorded.filter((frame) => !/"(?:id|message_id)":"msg_\d{13}_[0-9a-z]{1,8}"/.test(frame));

test('the flood profile sends exactly the shapes that the original was recorded with', () => {
  expect(regular.length).toBeGreaterThan(recorded.length * 0.9);
  expect(shapesOf(framesOf('flood', 20_000))).toEqual(shapesOf(regular));
});

test('all reactions that the original was recorded with occur, and no other', () => {
  const reactions = (frames: readonly string[]) =>
    [...new Set(frames.flatMap((frame) => /"reaction":"([^"]+)"/.exec(frame)?.[1] ?? []))].toSorted();
  expect(reactions(framesOf('flood', 20_000))).toEqual(reactions(recorded));
});

test('message ids are unique in a run, and two runs of one seed share none', () => {
  const idsOf = (run: string) =>
    framesOf('flood', 20_000, run).flatMap((frame) => (JSON.parse(frame) as { id?: string }).id ?? []);
  const first = idsOf(RUN);
  const second = idsOf('01KAJX5T7Z0000000000000ABD');
  expect(first).toHaveLength(20_000);
  expect(new Set([...first, ...second]).size).toBe(40_000);
});

test('references name the id and the chat of a message sent before', () => {
  const sent = new Map<string, string>();
  let references = 0;
  for (const frame of framesOf('demo', 5_000)) {
    const event = JSON.parse(frame) as { event: string; id: string; chat: string; message_id?: string };
    if (event.event === 'message') sent.set(event.id, event.chat);
    if (event.message_id === undefined) continue;
    references++;
    expect(sent.get(event.message_id)).toBe(event.chat);
  }
  expect(references).toBeGreaterThan(1_000);
});

test('a message that was never written keeps one id, whoever refers to it', () => {
  const { writer, plan } = writerOf('demo');
  const events = Array.from({ length: 2_000 }, () => plan.next().value);
  const frameOf = (index: number) => {
    const event = events[index];
    if (event === undefined) throw new Error('the plan is too short');
    return JSON.parse(writer.planned(event, START_MS).text) as { message_id: string };
  };
  const later = events.flatMap((event, index) => ('of' in event && event.of === events[0] ? [index] : []));
  expect(later.length).toBeGreaterThan(1);
  const ids = new Set(later.map((index) => frameOf(index).message_id));
  expect(ids.size).toBe(1);
  expect([...ids][0]).toMatch(new RegExp(`^msg_${Math.floor(START_MS + (events[0]?.atMs ?? 0))}_0abc[0-9a-z]{5}$`));
});

test('a chosen message is what was asked for, in the shape of a planned one', () => {
  const { writer } = writerOf('demo');
  const chosen = writer.chosen({ content: '/ping', chat: 'chat_x', sender: 'me' }, START_MS);
  expect(JSON.parse(chosen.text)).toMatchObject({ id: chosen.id, chat: 'chat_x', sender: 'me', content: '/ping' });
  const [planned] = regular.filter((frame) => frame.startsWith('{"event":"message"'));
  expect(Object.keys(JSON.parse(chosen.text) as object)).toEqual(Object.keys(JSON.parse(planned ?? '{}') as object));
});

test('whatever a frame calls itself, its metric label is one of a few', () => {
  expect(['message', 'connection', 'nonsense', undefined].map(kindLabel)).toEqual([
    'message',
    'connection',
    'other',
    'other',
  ]);
});
