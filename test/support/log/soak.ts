// Appends under faults that come again and again, and judges the log afterwards. The same run in three lengths: a short one in
// `npm test`, many seeds in the suite of faults, and a long one whose last result is kept.

import { AppendLedger } from './append-ledger.ts';
import { appendLoad } from './append-load.ts';
import type { AppendVerdict } from './append-verdict.ts';
import { judgeAppends } from './append-verdict.ts';
import { appenderUnderTest, type ClientName } from './clients-under-test.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { RawRecorder } from './raw-recorder.ts';
import { SeededFaults } from './seeded-faults.ts';

export interface SoakOptions {
  readonly cluster: KafkaCluster;
  readonly recorder: RawRecorder;
  readonly client: ClientName;
  readonly seed: number;
  readonly records: number;
  readonly faultEveryMs: number;
  /** The least number of faults: records are appended until there were as many. */
  readonly faultsMin: number;
}

export interface Soaked {
  readonly verdict: AppendVerdict;
  readonly faults: Readonly<Record<string, number>>;
  readonly durationMs: number;
}

const PARTITIONS = 6;

export async function soak(options: SoakOptions): Promise<Soaked> {
  const { cluster, recorder, client, seed, records, faultEveryMs, faultsMin } = options;
  const topic = await cluster.createTopic(PARTITIONS);
  const appender = appenderUnderTest(client, cluster.brokers);
  const ledger = new AppendLedger(appender);
  const faults = new SeededFaults(cluster, seed);
  const startedMs = performance.now();
  const perFault = Math.max(1, Math.floor(records / faultsMin));
  const striking = setInterval(() => faults.strike(), faultEveryMs);
  await appendLoad(ledger, {
    topic,
    partitions: PARTITIONS,
    records,
    bytesMax: 200_000,
    onRecord: (index) => {
      // Not only by time: a fast machine would be done before the first fault.
      if (index % perFault === perFault - 1) faults.strike();
    },
  }).finally(() => clearInterval(striking));
  faults.end();
  await appender.stop();
  const verdict = judgeAppends(ledger.attempts, await recorder.stored(topic));
  return { verdict, faults: Object.fromEntries(faults.counts), durationMs: Math.round(performance.now() - startedMs) };
}
