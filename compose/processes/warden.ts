// The last one out. A small process of its own that does nothing while the supervisor lives, and when the supervisor
// disappears without having said goodbye (killed by SIGKILL, a crash, the machine's memory running out) ends what it left
// behind, in order. Services notice by themselves that their supervisor is gone and get time to drain; servers do not.
//
// usage: warden.ts <register file>, with a channel to the supervisor
import { endRecorded, whenGone } from './end-recorded.ts';
import { readRegister } from './process-register.ts';

const SERVICES_DRAIN_MS = 8_000;
const STAGE_GRACE_MS = 6_000;

const [, , registerFile = ''] = process.argv;
let isOrderlyEnd = false;

// It must outlive what may hit the supervisor: Ctrl-C, a closed terminal, a terminated group.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', () => {
  isOrderlyEnd = true;
});
process.on('disconnect', () => {
  if (isOrderlyEnd) process.exit(0);
  void endWhatIsLeft();
});
process.send?.({ started: true });

async function endWhatIsLeft(): Promise<void> {
  // Read once: a new supervisor on the same folder writes its own children into the same file.
  const entries = readRegister(registerFile);
  const names = entries.map(({ name }) => name);
  process.stdout.write(
    `${JSON.stringify({ event: 'warden.supervisor.gone', time: new Date().toISOString(), names })}\n`,
  );
  await whenGone(
    entries.filter(({ stage }) => stage === 'service'),
    SERVICES_DRAIN_MS,
  );
  await endRecorded(entries, { graceMs: STAGE_GRACE_MS });
  process.stdout.write(`${JSON.stringify({ event: 'warden.done', time: new Date().toISOString() })}\n`);
  process.exit(0);
}
