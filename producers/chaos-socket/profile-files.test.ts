import { expect, test } from 'vitest';
import { loadProfile, parseProfile, profileNames } from './profile-files.ts';

test.each([
  ['idle', 0.5, 5],
  ['moderate', 2, 50],
  ['busy', 8, 1_000],
  ['flood', 60, 10_000],
])('%s has the pace of the original (%d a minute) and its %d senders', (id, perMinute, senders) => {
  const profile = loadProfile(id);
  expect([profile.timing.messages_per_minute, profile.sender.count]).toEqual([perMinute, senders]);
});

test('the probabilities of every profile add up to one', () => {
  const sum = (weights: object) => Object.values(weights).reduce((total: number, weight: number) => total + weight, 0);
  for (const profile of profileNames().map(loadProfile)) {
    expect(sum(profile.events)).toBeCloseTo(1, 9);
    expect(sum(profile.message_types)).toBeCloseTo(1, 9);
  }
});

test('a file with no more than the original requires is complete', () => {
  const yaml =
    'name: Plain\ntiming: { messages_per_minute: 5 }\nsender: { count: 2 }\nmessage_types: { document: 1.0 }\n';
  const { events, timing } = parseProfile('plain', yaml, 'plain.yaml');
  expect(events).toEqual({ message: 0.6, typing: 0.1, read: 0.15, delivered: 0.1, presence: 0.05 });
  expect(timing.burst_probability).toBe(0);
});

test('a wrong file is refused with every field that is wrong', () => {
  const yaml = 'name: X\ntiming: { messages_per_minute: 0 }\nsender: { count: 2 }\nevents: { mesage: 1 }\nextra: 1\n';
  expect(() => parseProfile('x', yaml, 'x.yaml')).toThrow(/x\.yaml.*messages_per_minute.*mesage.*extra/s);
  expect(() => parseProfile('x', 'a: [', 'x.yaml')).toThrow('is not YAML');
  expect(() => parseProfile('x', 'events: { message: 2 }', 'x.yaml')).toThrow('events.message');
  expect(() => loadProfile('../profiles/idle')).toThrow('unknown profile');
});
