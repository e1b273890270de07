// Excludes: a running audit that does not see, beside what it finds, what an operator did by another process.
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { bookedReport } from '../../consumers/gap-detector/findings-book.ts';
import type { TimelineEvent } from '../../consumers/gap-detector/timeline.ts';
import { storeTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { createPool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { scratchDatabase } from '../support/scratch-database.ts';
import { ServiceProcess } from '../support/service-process.ts';

const WITHIN = { timeout: 60_000, interval: 200 };
const HOUR_MS = 3_600_000;

test('the running audit has what was done in the last hour on its timeline, also what was done while it runs', async () => {
  const database = await scratchDatabase(inject('databaseUrl'));
  onTestFinished(() => database[Symbol.asyncDispose]());
  const pool = createPool(database.url, createLogger('test', 'silent'));
  onTestFinished(() => pool.end());
  const done = async (subject: string, agoMs = 0): Promise<TimelineEvent> => {
    const action = { atMs: Date.now() - agoMs, kind: 'operator-action', subject, detail: 'done' } as const;
    await storeTimeline(pool, [action]);
    return action;
  };
  const told = async (): Promise<readonly TimelineEvent[]> =>
    ((await bookedReport(pool, { mode: 'live' }))?.timeline ?? []).filter(({ kind }) => kind === 'operator-action');
  await done('of old', 2 * HOUR_MS);
  const before = await done('before');
  const detector = ServiceProcess.start('gap-detector', {
    PMC_KAFKA_BROKERS: inject('brokers').join(','),
    PMC_REGISTRY_URL: inject('registryUrl'),
    DATABASE_URL: database.url,
    PMC_AUDIT_INTERVAL_MS: '200',
  });
  try {
    await vi.waitFor(async () => expect(await told(), detector.log).toEqual([before]), WITHIN);
    const meanwhile = await done('meanwhile');
    await vi.waitFor(async () => expect(await told(), detector.log).toEqual([before, meanwhile]), WITHIN);
  } finally {
    await detector.stop();
  }
});
