import { describe, expect, test } from 'vitest';
import { TOPIC, TOPIC_PLANS } from '../schemas/topics.ts';
import { type ExistingTopic, planTopics } from './topic-plan.ts';

function existing(settings: Readonly<Record<string, string>>, replicas = 1): ReadonlyMap<string, ExistingTopic> {
  const sound = { 'cleanup.policy': 'delete', 'unclean.leader.election.enable': 'false' };
  const topic = { partitions: 6, replicas, settings: { ...sound, ...settings } };
  return new Map(TOPIC_PLANS.map((plan) => [plan.topic, topic]));
}

describe('the plan of topics', () => {
  test('on one broker has one replica that must have a record', () => {
    const { create, mismatches } = planTopics(TOPIC_PLANS, new Map(), 1);
    expect(mismatches).toEqual([]);
    expect(create.map(({ topic }) => topic)).toEqual(TOPIC_PLANS.map(({ topic }) => topic));
    for (const { replicas, partitions, settings } of create) {
      expect({ replicas, partitions, minimum: settings['min.insync.replicas'] }).toEqual({
        replicas: 1,
        partitions: 6,
        minimum: '1',
      });
    }
  });

  test('on three brokers has three replicas, two of which must have a record', () => {
    const { create } = planTopics(TOPIC_PLANS, new Map(), 3);
    expect(create.map(({ replicas }) => replicas)).toEqual([3, 3, 3, 3]);
    expect(create.map(({ settings }) => settings['min.insync.replicas'])).toEqual(['2', '2', '2', '2']);
    expect(create.find(({ topic }) => topic === TOPIC.incoming)?.partitions).toBe(12);
  });

  test('never compacts, never elects an unclean leader, and keeps the ledger longer than what it accounts for', () => {
    const { create } = planTopics(TOPIC_PLANS, new Map(), 1);
    const retention = new Map(create.map(({ topic, settings }) => [topic, Number(settings['retention.ms'])]));
    for (const { settings } of create) {
      expect(settings['cleanup.policy']).toBe('delete');
      expect(settings['unclean.leader.election.enable']).toBe('false');
    }
    expect(retention.get(TOPIC.sources)).toBeGreaterThan(retention.get(TOPIC.incoming) as number);
    expect(retention.get(TOPIC.rejected)).toBeGreaterThan(retention.get(TOPIC.incoming) as number);
  });

  test('leaves sound topics as they are and creates only what is missing', () => {
    expect(planTopics(TOPIC_PLANS, existing({}), 1)).toEqual({ create: [], mismatches: [] });
    const some = new Map(existing({}));
    some.delete(TOPIC.outgoing);
    expect(planTopics(TOPIC_PLANS, some, 1).create.map(({ topic }) => topic)).toEqual([TOPIC.outgoing]);
  });

  test.each([
    ['cleanup.policy', 'compact'],
    ['cleanup.policy', 'compact,delete'],
    ['unclean.leader.election.enable', 'true'],
  ])('row 29 · refuses a topic with %s=%s, by name', (name, value) => {
    const { create, mismatches } = planTopics(TOPIC_PLANS, existing({ [name]: value }), 1);
    expect(create).toEqual([]);
    expect(mismatches).toHaveLength(TOPIC_PLANS.length);
    expect(mismatches[0]).toContain(`${TOPIC.incoming} has ${name}=${value}`);
  });

  test.each([
    [3, '1', 'has min.insync.replicas=1, must be 2', 'min.insync.replicas=2'],
    [2, '1', 'has min.insync.replicas=1, must be 2', 'min.insync.replicas=2'],
    [1, '1', 'has 1 replica, must have 2 at least', 'min.insync.replicas=2'],
    [1, '2', 'has 1 replica, must have 2 at least', 'kafka-reassign-partitions'],
  ])(
    'row 32 · on three brokers refuses a topic with %i replicas of which %s must have a record, and says what to do',
    (replicas, minimum, wrong, action) => {
      const found = existing({ 'min.insync.replicas': minimum }, replicas);
      const { create, mismatches } = planTopics(TOPIC_PLANS, found, 3);
      expect(create).toEqual([]);
      expect(mismatches).toHaveLength(TOPIC_PLANS.length);
      expect(mismatches[0]).toContain(`${TOPIC.incoming} ${wrong}`);
      expect(mismatches[0]).toMatch(new RegExp(`${action}$`));
    },
  );

  test('takes topics of which two replicas have every record, and of a cluster that cannot have them any', () => {
    for (const replicas of [2, 3, 5])
      expect(planTopics(TOPIC_PLANS, existing({ 'min.insync.replicas': '2' }, replicas), 3).mismatches).toEqual([]);
    for (const brokers of [1, 2])
      expect(planTopics(TOPIC_PLANS, existing({ 'min.insync.replicas': '1' }), brokers).mismatches).toEqual([]);
  });
});
