// A console for tests: in this process, on a free port, with a silent log and its own registry.
import { Registry } from 'prom-client';
import { clusterSettings } from '../../kafka/config.ts';
import type { ConsoleConfig } from '../../operator/console/config.ts';
import { startConsole } from '../../operator/console/console.ts';
import { systemClock } from '../../service/clock.ts';
import { readSettings } from '../../service/config.ts';
import { Health } from '../../service/health.ts';
import { createLogger } from '../../service/logger.ts';

export interface ConsoleUnderTest {
  readonly url: string;
  readonly metrics: Registry;
  stop(): Promise<void>;
}

type Needed = Pick<ConsoleConfig, 'port' | 'token' | 'brokers' | 'databaseUrl' | 'controlUrl' | 'controlToken'>;

export async function startConsoleUnderTest(config: Needed): Promise<ConsoleUnderTest> {
  const metrics = new Registry();
  const health = new Health();
  const context = {
    name: 'console',
    logger: createLogger('console', 'silent'),
    metrics,
    health,
    clock: systemClock,
    stopping: new AbortController().signal,
    fail: (error: unknown) => {
      throw error;
    },
  };
  const cluster = readSettings({ PMC_KAFKA_BROKERS: config.brokers.join(',') }, clusterSettings);
  const host = '127.0.0.1';
  const service = await startConsole({ ...cluster, ...config, host, healthPort: 0, logLevel: 'silent' }, context);
  const { url } = health.report().facts;
  return { url: String(url), metrics, stop: () => service.stop({ deadlineMs: 5_000 }) };
}
