// Faults of all kinds, again and again, by seed. In the long form (PMC_FAULTS=long) 200,000 records per client with a fault every
// 300 ms; its last result is kept in last-long-run.json.
import { afterAll, describe, expect, test } from 'vitest';
import { NONE } from '../support/log/append-verdict.ts';
import { CLIENTS } from '../support/log/clients-under-test.ts';
import type { KafkaCluster } from '../support/log/kafka-cluster.ts';
import { RawRecorder } from '../support/log/raw-recorder.ts';
import { type Soaked, soak } from '../support/log/soak.ts';
import { IS_LONG, keepResult } from '../support/log/suite-form.ts';
import { withCluster } from '../support/log/with-cluster.ts';

const RESULT = new URL('./last-long-run.json', import.meta.url);
const SEEDS = IS_LONG ? [1] : Array.from({ length: 20 }, (_, index) => index + 1);
const RECORDS = IS_LONG ? 200_000 : 1_000;
const FAULTS_MIN = IS_LONG ? 400 : 6;
const DEADLINE_MS = IS_LONG ? 3_600_000 : 120_000;

const results: Record<string, Soaked> = {};

afterAll(() => {
  if (Object.keys(results).length < CLIENTS.length) return;
  const clients = Object.entries(results).map(([client, { verdict, faults, durationMs }]) => {
    const { violations, acked, unknown, copies } = verdict;
    const broken = Object.fromEntries(Object.entries(violations).map(([name, ids]) => [name, ids.length]));
    return {
      client,
      durationMs,
      faults: Object.values(faults).reduce((a, b) => a + b, 0),
      acked,
      unknown,
      copies,
      ...broken,
    };
  });
  keepResult(RESULT, { records: RECORDS, clients });
});

describe.for(CLIENTS)('%s', (client) => {
  let cluster: KafkaCluster;
  let recorder: RawRecorder;

  // One for each: a recorder holds what fits into a log file.
  withCluster(1, (started) => {
    cluster = started;
    recorder = RawRecorder.start(cluster);
  });

  test.for(SEEDS)(
    'faults of all kinds, seed %i: what is acknowledged is stored, once and in order, and nothing is left open',
    { timeout: DEADLINE_MS },
    async (seed) => {
      const load = { records: RECORDS, faultEveryMs: 300, faultsMin: FAULTS_MIN };
      const soaked = await soak({ cluster, recorder, client, seed, ...load });
      results[client] = soaked;
      expect(Object.values(soaked.faults).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(FAULTS_MIN);
      expect(soaked.verdict, JSON.stringify(soaked.faults)).toMatchObject({
        violations: NONE,
        overtaken: [],
        acked: RECORDS,
      });
    },
  );
});
