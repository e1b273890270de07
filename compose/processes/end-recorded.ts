// Ends recorded processes that are not this process's children: stage by stage, politely first, by force at the deadline.
// It reads the start time again before every signal, so a pid that was reused in the meantime is left alone.
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '../../service/process-identity.ts';
import { type RegisterEntry, STAGES, survivors } from './process-register.ts';

const POLL_MS = 50;

/** How long each stage may take to end by itself before it is killed. */
export interface Grace {
  readonly graceMs: number;
}

/** Returns those that had to be ended; resolves when none of the entries runs any more. */
export async function endRecorded(
  entries: readonly RegisterEntry[],
  { graceMs }: Grace,
): Promise<readonly RegisterEntry[]> {
  const ended = survivors(entries, startTimeOf);
  for (const stage of STAGES) {
    const ofStage = entries.filter((entry) => entry.stage === stage);
    for (const entry of survivors(ofStage, startTimeOf)) signal(entry.pid, entry.stopSignal);
    await whenGone(ofStage, graceMs);
    // The whole group: each recorded process leads its own, and what it started must not outlive it.
    for (const entry of survivors(ofStage, startTimeOf)) signal(-entry.pid, 'SIGKILL');
    await whenGone(ofStage, graceMs);
  }
  return ended;
}

/** Resolves when none of them runs, or when the time is over; true when none runs. */
export async function whenGone(entries: readonly RegisterEntry[], withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; survivors(entries, startTimeOf).length > 0; waitedMs += POLL_MS) {
    if (waitedMs >= withinMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the look and the signal: that is what was wanted.
  }
}
