import { describe, expect, test } from 'vitest';
import { TOPIC, TOPIC_PLANS } from '../schemas/topics.ts';
import { type ExistingTopic, planTopics } from './topic-plan.ts';

function existing(settings: Readonly<Record<string, string>>): ReadonlyMap<string, ExistingTopic> {
  const sound = { 'cleanup.policy': 'delete', 'unclean.leader.election.enable': 'false' };
  return new Map(TOPIC_PLANS.map(({ topic }) => [topic, { partitions: 6, settings: { ...sound, ...settings } }]));
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
});
