// One line of the services table: what the supervisor says about the process and what the process says about itself. Pure.
import type { ControlStatus, ReadyReport, Seen } from './observation.ts';

/** `up` is ready; `degraded` is there but not ready; `down` does not run and should; `stopped` was stopped by somebody. */
type Condition = 'up' | 'degraded' | 'down' | 'stopped';

type ServiceProcess = ControlStatus['services'][number];

export interface ServiceRow {
  readonly name: string;
  readonly pid: number | null;
  readonly state: ServiceProcess['state'];
  readonly restarts: number;
  readonly condition: Condition;
  /** Why it is not ready, in its own words, or how it ended last time; null when there is nothing to say. */
  readonly reason: string | null;
}

export function serviceRow(service: ServiceProcess, ready: Seen<ReadyReport> | undefined): ServiceRow {
  const { name, pid, state, restarts } = service;
  return { name, pid, state, restarts, ...conditionOf(service, ready) };
}

function conditionOf(
  { state, lastExit }: ServiceProcess,
  ready: Seen<ReadyReport> | undefined,
): Pick<ServiceRow, 'condition' | 'reason'> {
  const exit = exitText(lastExit);
  switch (state) {
    case 'running':
      return runningCondition(exit, ready);
    case 'starting':
      return { condition: 'degraded', reason: exit === null ? 'it starts' : `it starts again; last exit: ${exit}` };
    case 'backoff':
      return { condition: 'down', reason: exit };
    case 'stopping':
    case 'stopped':
      return { condition: 'stopped', reason: null };
  }
}

function runningCondition(
  exit: string | null,
  ready: Seen<ReadyReport> | undefined,
): Pick<ServiceRow, 'condition' | 'reason'> {
  if (ready === undefined) return { condition: 'degraded', reason: 'no health address is known' };
  if (!ready.ok) return { condition: 'degraded', reason: ready.reason };
  if (ready.value.ready) return { condition: 'up', reason: exit === null ? null : `last exit: ${exit}` };
  const failing = Object.entries(ready.value.checks).filter(([, check]) => !check.ready);
  const reason = failing.map(([check, { detail }]) => `${check}: ${detail}`).join('; ');
  return { condition: 'degraded', reason: reason || 'not ready, without a reason' };
}

function exitText(lastExit: ServiceProcess['lastExit']): string | null {
  if (lastExit === null) return null;
  return lastExit.lastLine === null ? lastExit.reason : `${lastExit.reason}: ${lastExit.lastLine}`;
}
