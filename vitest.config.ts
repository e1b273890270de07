// Five kinds of test. `unit`: beside the code, without servers, in parallel. `integration` and `browser`: on the real
// Kafka, registry and PostgreSQL, which test/support/stack.ts starts once for the run. `system`: the
// whole system as `pmc up` starts it, one of its own for each file. `faults`: the same, and on clusters of their own behind fault
// proxies. Both take many minutes, so they are not a part of `npm test`.
import { defineConfig } from 'vitest/config';

const ON_REAL_SERVERS = {
  globalSetup: ['test/support/stack.ts'],
  fileParallelism: false,
  // Five times what any of them takes on a machine of two cores: others are half as fast, and run two files at once.
  testTimeout: 240_000,
  hookTimeout: 300_000,
  teardownTimeout: 60_000,
  // kafkajs picks other retries and time-outs where NODE_ENV is "test".
  env: { NODE_ENV: 'production' },
};

/**
 * Each file has topics, databases and ports of its own, or servers, and much of the time is waiting: for time-outs, for brokers, for
 * sessions to end. Of the fault suites half of it, with two of them on two cores.
 */
const atATime = (maxWorkers: number) => ({ fileParallelism: true, maxWorkers });

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/.pmc/**', 'test/*/**'],
          sequence: { groupOrder: 0 },
          // Property tests on a machine that does other things as well.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          sequence: { groupOrder: 1 },
          ...ON_REAL_SERVERS,
          ...atATime(2),
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          sequence: { groupOrder: 2 },
          ...ON_REAL_SERVERS,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          sequence: { groupOrder: 4 },
          ...ON_REAL_SERVERS,
          ...atATime(2),
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          sequence: { groupOrder: 3 },
          ...ON_REAL_SERVERS,
          ...atATime(3),
        },
      },
    ],
  },
});
