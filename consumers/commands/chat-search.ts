// Searches for replies: within a second or not at all. One that is overdue before it begins is never begun.
import type { Pool } from '../../service/database.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { Hit } from './facts.ts';
import { type SearchIn, searchChat } from './search.ts';

export interface ChatSearchOptions {
  /** Its statements have a time-out of their own, below this one. */
  readonly pool: Pool;
  readonly logger: Logger;
  readonly timeoutMs: number;
}

export async function searchInTime(
  what: SearchIn,
  { pool, logger, timeoutMs }: ChatSearchOptions,
): Promise<readonly Hit[] | undefined> {
  const overdue = AbortSignal.timeout(timeoutMs);
  const found = begin(what, pool, overdue).catch((error: unknown) => {
    logger.warn({ error: describeError(error) }, 'commands.search.failed');
    return undefined;
  });
  const tired = new Promise<undefined>((resolve) => {
    overdue.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return await Promise.race([found, tired]);
}

async function begin(what: SearchIn, pool: Pool, overdue: AbortSignal): Promise<readonly Hit[] | undefined> {
  const client = await pool.connect();
  try {
    return overdue.aborted ? undefined : await searchChat(client, what);
  } finally {
    client.release();
  }
}
