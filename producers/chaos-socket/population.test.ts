import { expect, test } from 'vitest';
import { populate } from './population.ts';

test('the same seed makes the same people and chats, another seed others', () => {
  const { chats, senders } = populate(7, { senders: 50 });
  expect(populate(7, { senders: 50 })).toMatchObject({ chats, senders });
  expect(populate(8, { senders: 50 }).chats).not.toEqual(chats);
});

test('ids are distinct and look like those of the original', () => {
  const { chats, senders } = populate(1, { senders: 50_000, chats: 100_000 });
  expect(new Set(chats).size).toBe(100_000);
  expect(new Set(senders).size).toBe(50_000);
  expect(chats.every((chat) => /^chat_\d{13}_[0-9a-z]{6}$/.test(chat))).toBe(true);
  expect(senders.every((sender) => /^sender_\d+_\d{1,3}@example\.com$/.test(sender))).toBe(true);
});

test('without a number of chats there are half as many as senders, at least one and at most 5,000', () => {
  expect(populate(1, { senders: 1 }).chats).toHaveLength(1);
  expect(populate(1, { senders: 50 }).chats).toHaveLength(25);
  expect(populate(1, { senders: 20_000 }).chats).toHaveLength(5_000);
});
