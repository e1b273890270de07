import { expect, test } from 'vitest';
import { kafkaProperties } from './kafka-properties.ts';

test('the broker listens on loopback only, creates no topic by itself and never elects an unclean leader', () => {
  const text = kafkaProperties({ logFolder: '/x/kafka/log', port: 1, controllerPort: 2 });
  const properties = new Map(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  expect(properties.get('listeners')).toBe('PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2');
  expect(properties.get('controller.quorum.voters')).toBe('1@127.0.0.1:2');
  expect(properties.get('auto.create.topics.enable')).toBe('false');
  expect(properties.get('unclean.leader.election.enable')).toBe('false');
  expect(properties.get('log.dirs')).toBe('/x/kafka/log');
});
