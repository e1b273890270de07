// The gateway killed at every step of its order of effects, by seed, under peers that count and one that does not. In the long form
// (PMC_FAULTS=long) 200 seeds; its last result is kept in last-kill-run.json.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GatewayBench } from '../support/gateway/gateway-bench.ts';
import { KILL_POINTS, type KillRun, killRun } from '../support/gateway/kill-run.ts';
import { IS_LONG, keepResult } from '../support/log/suite-form.ts';

const RESULT = new URL('./last-kill-run.json', import.meta.url);
const SEEDS = Array.from({ length: IS_LONG ? 200 : 20 }, (_, index) => index + 1);
const IN_FLIGHT_MAX = 512;

let bench: GatewayBench;
const runs: KillRun[] = [];

beforeAll(async () => {
  bench = await GatewayBench.start({ PMC_INFLIGHT_MAX: String(IN_FLIGHT_MAX) });
});

afterAll(async () => {
  await bench?.stop();
  if (runs.length < SEEDS.length) return;
  const total = (what: keyof KillRun['counts']): number => runs.reduce((sum, { counts }) => sum + counts[what], 0);
  keepResult(RESULT, {
    seeds: runs.length,
    deaths: Object.fromEntries(KILL_POINTS.map((name) => [name, deathsAt(name)])),
    ...Object.fromEntries(
      Object.keys(runs[0]?.counts ?? {}).map((what) => [what, total(what as keyof KillRun['counts'])]),
    ),
  });
});

function deathsAt(name: string): number {
  return runs.flatMap(({ deaths }) => deaths).filter((one) => one.point === name && one.isOwn).length;
}

describe('a communicator killed three times', () => {
  test.for(SEEDS)(
    'loses nothing that it took, and tells no peer otherwise, seed %i',
    { timeout: 900_000 },
    async (seed) => {
      const run = await killRun(bench, seed);
      runs.push(run);
      const about = `${JSON.stringify(run.deaths)}\n${bench.communicator.lines.join('\n')}`;
      expect(run.wrong, about).toEqual([]);
      expect(run.lostOfSpool, about).toEqual([]);
      expect(run.undelivered, about).toEqual([]);
      expect(run.numbers, about).toMatchObject({ unread: 0, missing: [], crashed: [] });
      expect(run.numbers.tailMax, about).toBeLessThanOrEqual(2 * IN_FLIGHT_MAX);
    },
  );

  test('every point was hit', () => {
    expect(Object.fromEntries(KILL_POINTS.map((name) => [name, deathsAt(name) > 0]))).toEqual(
      Object.fromEntries(KILL_POINTS.map((name) => [name, true])),
    );
  });
});
