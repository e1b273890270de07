import { expect, test } from 'vitest';
import { logFigures, type Round } from './log-topic.ts';

function round(peer: number, kafkajs: number, platformatic: number): Round {
  const run = (recordsPerSecond: number) => ({ recordsPerSecond, cpuMicrosPerRecord: 1_000 / recordsPerSecond });
  return { peer, clients: { kafkajs: run(kafkajs), platformatic: run(platformatic) } };
}

test('a ratio is to the peer of the same round, so a slow spell of the machine does not show in it', () => {
  const figures = logFigures('append', 'Peer', [round(200, 100, 400), round(20, 10, 40), round(100, 50, 200)]);
  const ratios = figures.map(({ figure, against, ratio }) => [figure, against, ratio]);
  expect(ratios).toEqual([
    ['append.Peer', undefined, undefined],
    ['append.kafkajs', 'Peer', { min: 0.5, median: 0.5, max: 0.5 }],
    ['append.kafkajs.cpu', undefined, undefined],
    ['append.platformatic', 'Peer', { min: 2, median: 2, max: 2 }],
    ['append.platformatic.cpu', undefined, undefined],
  ]);
  expect(figures.find(({ figure }) => figure === 'append.kafkajs.cpu')?.value).toEqual({
    min: 10,
    median: 20,
    max: 100,
  });
});
