// Looks at every source once, all at the same time, and never fails: a source that is away is part of the observation.
import type { LogAdmin } from '../../kafka/log.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { readPositions } from './log-positions.ts';
import type { ControlStatus, Observation, ReadyReport, Seen } from './observation.ts';
import { Probe } from './probe.ts';
import { DatabaseQueries } from './queries.ts';
import { askControl, askServices } from './service-polls.ts';

export interface Sources {
  readonly pool: Pool;
  readonly admin: LogAdmin;
  readonly controlUrl: string | undefined;
  readonly controlToken: string | undefined;
  readonly clock: Clock;
  readonly onFailure: (source: 'database' | 'kafka' | 'control', reason: string) => void;
}

interface Processes {
  readonly status: ControlStatus;
  readonly ready: ReadonlyMap<string, Seen<ReadyReport>>;
}

const DEADLINE_MS = 1_500;
const ANSWER_AGE_MAX_MS = 6_000;

export function observer(sources: Sources): () => Promise<Observation> {
  const { pool, admin, controlUrl, controlToken, clock, onFailure } = sources;
  const limits = { clock, deadlineMs: DEADLINE_MS, answerAgeMaxMs: ANSWER_AGE_MAX_MS };
  const queries = new DatabaseQueries(pool);
  const database = new Probe({ ...limits, ask: () => queries.facts(), onFailure: (why) => onFailure('database', why) });
  const log = new Probe({ ...limits, ask: () => readPositions(admin), onFailure: (why) => onFailure('kafka', why) });
  const askProcesses = async (url: string): Promise<Processes> => {
    const status = await askControl(url, controlToken);
    return { status, ready: await askServices(status, clock) };
  };
  const processes =
    controlUrl === undefined
      ? undefined
      : new Probe({ ...limits, ask: () => askProcesses(controlUrl), onFailure: (why) => onFailure('control', why) });
  return async () => {
    const [seenDatabase, seenLog, seenProcesses] = await Promise.all([database.look(), log.look(), processes?.look()]);
    return {
      atMs: clock.nowMs(),
      control: seenProcesses?.ok ? { ...seenProcesses, value: seenProcesses.value.status } : seenProcesses,
      ready: seenProcesses?.ok ? seenProcesses.value.ready : new Map(),
      database: seenDatabase,
      log: seenLog,
    };
  };
}
