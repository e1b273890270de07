// usage: main.ts {"client", "brokers", "topic"}. An appender, a reader and an admin client as a service has them; tells its parent
// what ten seconds of nothing to do have cost.
import { performance } from 'node:perf_hooks';
import { pause } from '../../../../service/backoff.ts';
import { numbered } from '../append-ledger.ts';
import { appenderUnderTest } from '../clients-under-test.ts';
import type { Idle, IdleOptions } from '../idle-process.ts';
import { recordingReader } from '../recording-reader.ts';

const SETTLE_MS = 3_000;
const WATCH_MS = 10_000;

const { client, brokers, topic } = JSON.parse(process.argv[2] ?? '') as IdleOptions;
process.once('disconnect', () => process.exit());
const appender = appenderUnderTest(client, brokers);
const { stop } = await recordingReader({ client, brokers, topic, groupId: `idle-${topic}` });
for (const partition of [0, 1, 2]) {
  const to = { topic, partition };
  while ((await appender.append(to, [numbered(to, 0)])).outcome === 'unknown');
}
await pause(SETTLE_MS);
const loops = performance.nodeTiming.uvMetricsInfo.loopCount;
const cpu = process.cpuUsage();
const startedMs = performance.now();
await pause(WATCH_MS);
const { user, system } = process.cpuUsage(cpu);
const watchedMs = performance.now() - startedMs;
const wakes = performance.nodeTiming.uvMetricsInfo.loopCount - loops;
const idle: Idle = {
  wakesPerSecond: (wakes / watchedMs) * 1_000,
  cpuShare: (user + system) / 1_000 / watchedMs,
};
if (process.env['PMC_TEST_LOG'] === 'on') console.error(idle);
await Promise.all([stop(), appender.stop()]);
process.send?.(idle, () => process.disconnect());
