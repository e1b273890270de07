// What a run that died left behind: exactly the processes in its register that still are the ones it started are ended,
// everything else is left alone.
import { endRecorded } from '../../compose/processes/end-recorded.ts';
import { readRegister } from '../../compose/processes/process-register.ts';

const GRACE_MS = 8_000;

/** Returns the names of what had to be ended. Call it only while holding the lock of the state folder. */
export async function reapPreviousRun(registerFile: string): Promise<readonly string[]> {
  const ended = await endRecorded(readRegister(registerFile), { graceMs: GRACE_MS });
  return ended.map(({ name, pid }) => `${name} (pid ${pid})`);
}
