// Looks at every source once, all at the same time, and never fails: a source that is away is part of the observation.
import type { LogAdmin } from '../../kafka/log.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { readPositions } from './log-positions.ts';
import type { Observation } from './observation.ts';
import { Probe } from './probe.ts';
import { DatabaseQueries } from './queries.ts';
import { askControl, askServices } from './service-polls.ts';

type Source = 'database' | 'kafka' | 'control';

export interface Sources {
  readonly pool: Pool;
  readonly databaseUrl: string;
  readonly admin: LogAdmin;
  readonly controlUrl: string | undefined;
  readonly controlToken: string | undefined;
  readonly clock: Clock;
  readonly onFailure: (source: Source, reason: string) => void;
}

const DEADLINE_MS = 1_500;
/** The supervisor asks its services before it answers; one that hangs must not hide the others here. */
const ANSWER_AGE_MAX_MS = 6_000;

export function observer(sources: Sources): () => Promise<Observation> {
  const { pool, databaseUrl, admin, controlUrl, controlToken, clock, onFailure } = sources;
  const queries = new DatabaseQueries(pool, databaseUrl);
  const probe = <T>(source: Source, ask: () => Promise<T>): Probe<T> =>
    new Probe({
      ask,
      clock,
      deadlineMs: DEADLINE_MS,
      answerAgeMaxMs: ANSWER_AGE_MAX_MS,
      onFailure: (reason) => onFailure(source, reason),
    });
  const database = probe('database', () => queries.facts());
  const log = probe('kafka', () => readPositions(admin));
  const control = controlUrl === undefined ? undefined : probe('control', () => askControl(controlUrl, controlToken));

  const lookAtServices = async (): Promise<Pick<Observation, 'control' | 'ready'>> => {
    const seen = await control?.look();
    return { control: seen, ready: seen?.ok ? await askServices(seen.value, clock) : new Map() };
  };
  return async () => {
    const [seenDatabase, seenLog, services] = await Promise.all([database.look(), log.look(), lookAtServices()]);
    return { atMs: clock.nowMs(), ...services, database: seenDatabase, log: seenLog };
  };
}
