// A cluster of a test file's own, started before its tests and stopped behind them.
import { afterAll, beforeAll, inject } from 'vitest';
import { KafkaCluster } from './kafka-cluster.ts';

/** Registers the hooks; `use` is told before the first test. */
export function withCluster(brokers: 1 | 3, use: (started: KafkaCluster) => void | Promise<void>): void {
  let cluster: KafkaCluster | undefined;
  beforeAll(async () => {
    cluster = await KafkaCluster.start(inject('artifacts'), brokers);
    await use(cluster);
  });
  afterAll(async () => {
    await cluster?.stop();
  });
}
