// What a command changes stands on the audit's timeline, beside what the audit finds, however the command ends: with its work, by a
// server that fails, or by a signal.
import { storeTimeline } from '../../consumers/gap-detector/timeline-store.ts';
import { withConnection } from '../../service/database.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Cli } from './cli.ts';
import { ENDING_SIGNALS } from './ending-signals.ts';

export interface OperatorAction {
  readonly databaseUrl: string;
  readonly subject: string;
  /** What was done until now; undefined while that is nothing. */
  readonly done: () => string | undefined;
}

/** The first signal aborts the work, which ends at its next step; another one, whichever, ends the process. */
export async function asOperator<T>(
  action: OperatorAction,
  cli: Cli,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const interrupted = new AbortController();
  const release = (): void => ENDING_SIGNALS.forEach((signal) => process.off(signal, interrupt));
  const interrupt = (): void => {
    release();
    interrupted.abort(new PmcError('PMC_INTERRUPTED', 'interrupted before its end'));
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
  let result: T;
  try {
    result = await work(interrupted.signal);
  } catch (error) {
    await note(action).catch((cause: unknown) => {
      cli.stderr.write(`pmc: not on the timeline (${describeError(cause)}): ${action.done()}\n`);
    });
    interrupted.signal.throwIfAborted();
    throw error;
  } finally {
    release();
  }
  await note(action);
  return result;
}

/** By a connection of its own: that of the work may be what has failed. */
async function note({ databaseUrl, subject, done }: OperatorAction): Promise<void> {
  const detail = done();
  if (detail === undefined) return;
  await withConnection(databaseUrl, (client) =>
    storeTimeline(client, [{ atMs: Date.now(), kind: 'operator-action', subject, detail }]),
  );
}
