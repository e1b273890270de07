// A process that adds frames to a spool until it is killed, while the log never answers:
//   node doomed-spool.testing.ts FILE EPOCH KILL_AT
// After every group commit it says on its standard output up to which number all frames are on the disk.
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Health } from '../../../service/health.ts';
import { armKillPoint } from '../../../service/kill-point.ts';
import type { Origin } from '../ingest.ts';
import { communicatorMetrics } from '../metrics.ts';
import { Settlement } from '../settlement.ts';
import { Spool } from './spool.ts';
import { SpoolThread } from './spool-thread.ts';

const [path = '', gatewayEpoch = '', killAt] = process.argv.slice(2);
const BURST_MAX = 40;

armKillPoint(killAt);
const settlement = new Settlement();
const receipt = (from: Origin) => ({ ...from, gatewayEpoch, ingestSeq: settlement.next(), receivedAt: 0 });
const spool = await Spool.open({
  thread: new SpoolThread(path, (error) => {
    throw error;
  }),
  ingest: { settlement, receipt, ends: [], hasRoom: false, append: () => undefined },
  gatewayEpoch,
  bytesMax: 1_000_000_000,
  ageMaxMs: 1_000_000,
  unsyncedMax: 1_000_000,
  clock: { nowMs: () => Date.now() },
  logger: pino({ level: 'silent' }),
  health: new Health(),
  metrics: communicatorMetrics(new Registry()),
  pauseSources: () => undefined,
  resumeSources: () => undefined,
  onRecovered: () => Promise.resolve(),
});
for (let added = 0; ; ) {
  for (let count = added % BURST_MAX; count >= 0; count -= 1) {
    added += 1;
    const bytes = Buffer.from(JSON.stringify({ event: 'message', id: `m${added}`, chat: 'c' }));
    spool.add({ bytes, isBinary: false }, { source: 'doomed', connection: 'one' });
  }
  const upTo = added;
  await spool.synced();
  writeSync(1, `${upTo}\n`);
}
