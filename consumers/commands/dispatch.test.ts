import { expect, it } from 'vitest';
import { partitionFor } from '../../kafka/partitioner.ts';
import { ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import { appendReplies, toDispatch, toOutboxReply } from './dispatch.ts';

const EVENT = { source: 'chaos', connection: '01C', chat: 'chat-1', id: 'm-1' };
const KEY = '00000000-0000-7000-8000-000000000001';
const HELP = { name: 'help' };

it('gives the same command the same reply id whenever and however it is answered', () => {
  const first = toDispatch(EVENT, KEY, HELP, 'one text', 1);
  const again = toDispatch({ ...EVENT, connection: '02C' }, KEY, HELP, 'another text', 2);
  expect(again.replyId).toBe(first.replyId);
  expect(toDispatch(EVENT, KEY, { name: 'ping' }, '', 1).replyId).not.toBe(first.replyId);
  expect(toDispatch(EVENT, KEY.replace(/1$/, '2'), HELP, '', 1).replyId).not.toBe(first.replyId);
});

it('addresses the reply to where the command came from', () => {
  expect(toDispatch(EVENT, KEY, HELP, 'text', 5)).toMatchObject({
    source: 'chaos',
    connection: '01C',
    chat: 'chat-1',
    inReplyTo: 'm-1',
    eventKey: KEY,
    command: 'help',
    content: 'text',
    createdAt: 5,
  });
});

it('keeps the replies of a chat on one partition, and of a source where there is no chat', () => {
  const dispatch = toDispatch(EVENT, KEY, HELP, 'text', 5);
  const inChat = toOutboxReply(dispatch, 'out', 6, Buffer.from('v'));
  expect(inChat).toMatchObject({ topic: 'out', key: 'chat-1', partition: partitionFor('chat-1', 6), createdAtMs: 5 });
  expect(toOutboxReply({ ...dispatch, chat: null }, 'out', 6, Buffer.from('v')).key).toBe('chaos');
});

it('appends a reply under the time of its making, and under the present one where the broker does not take that', async () => {
  const dispatch = toDispatch(EVENT, KEY, HELP, 'text', 5);
  const reply = toOutboxReply(dispatch, 'out', 6, Buffer.from('v'));
  const record = { key: 'chat-1', value: Buffer.from('v'), headers: { 'reply-id': dispatch.replyId } };
  const log = new ScriptedAppender((_records, nth) => (nth === 0 ? 'wrong-time' : 'acked'));
  const startedMs = Date.now();
  expect(await appendReplies(log, reply, [reply])).toMatchObject({ outcome: 'acked' });
  expect(log.appends.map(({ records }) => records)).toEqual([
    [{ ...record, timestampMs: 5 }],
    [{ ...record, timestampMs: expect.any(Number) }],
  ]);
  expect(log.appends[1]?.records[0]?.timestampMs).toBeGreaterThanOrEqual(startedMs);
});

it('keeps U+0000, which a chat may be called, out of the key that waits in PostgreSQL', () => {
  const dispatch = toDispatch({ ...EVENT, chat: 'a\u0000b' }, KEY, HELP, 'text', 5);
  expect(dispatch.chat).toBe('a\u0000b');
  const reply = toOutboxReply(dispatch, 'out', 6, Buffer.from('v'));
  expect(reply).toMatchObject({ key: 'a\uFFFDb', partition: partitionFor('a\uFFFDb', 6) });
});
