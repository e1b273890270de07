// One line of the services table: what the supervisor says about the process and what the process says about itself.
import type { ControlStatus, ReadyReport, Seen } from './observation.ts';

/** `up` is ready; `degraded` runs but is not ready; `down` does not run and should; `stopped` was stopped by an operator. */
export type Condition = 'up' | 'degraded' | 'down' | 'stopped';

export interface ServiceRow {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
  readonly condition: Condition;
  /** Why it is not ready, in its own words; null when there is nothing to say. */
  readonly reason: string | null;
}

export function serviceRow(
  service: ControlStatus['services'][number],
  ready: Seen<ReadyReport> | undefined,
): ServiceRow {
  const { name, pid, state, restarts, lastExit } = service;
  const row = { name, pid: pid ?? null, state, restarts };
  const exit = exitText(lastExit);
  if (state === 'stopped' || state === 'stopping') return { ...row, condition: 'stopped', reason: null };
  if (state !== 'running') return { ...row, condition: 'down', reason: exit };
  if (ready === undefined) return { ...row, condition: 'degraded', reason: 'no health address is known' };
  if (!ready.ok) return { ...row, condition: 'degraded', reason: ready.reason };
  if (ready.value.ready) return { ...row, condition: 'up', reason: restarts > 0 && exit ? `last exit: ${exit}` : null };
  const failing = Object.entries(ready.value.checks).filter(([, check]) => !check.ready);
  const reason = failing.map(([check, { detail }]) => `${check}: ${detail}`).join('; ');
  return { ...row, condition: 'degraded', reason: reason || 'not ready, without a reason' };
}

/** The supervisor gives a sentence, or an object that has one. */
function exitText(lastExit: unknown): string | null {
  if (typeof lastExit === 'string') return lastExit;
  if (typeof lastExit !== 'object' || lastExit === null) return null;
  return 'reason' in lastExit && typeof lastExit.reason === 'string' ? lastExit.reason : JSON.stringify(lastExit);
}
