// A client that is frozen in the middle of a COPY, or gone without a word, leaves a transaction that no limit of the server's ends: while it
// waits for bytes of a COPY it takes no statement for too long and no session for idle. The transaction keeps the lock of its partition,
// and what would end it by itself is a kernel that hears nothing, which a frozen process does not cause. So whoever waits for the lock in
// vain ends it, once its client has given up: what is cut off was not committed, and comes again.
import type { PoolClient } from '../../service/database.ts';

/** `olderThanMs`: how long after its begin a client has given up a transaction. Other roles' transactions are not ours to end. */
export async function endAbandonedCopy(client: PoolClient, lock: string, olderThanMs: number): Promise<void> {
  await client.query({ ...END_ABANDONED_COPY, values: [lock, olderThanMs] });
}

/** A statement that waits for its client is a COPY: whoever waits between two statements is idle, and has a limit. */
const END_ABANDONED_COPY = {
  name: 'pmc-end-abandoned-copy',
  text: `select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and objsubid = 1 and granted
      and database = (select oid from pg_database where datname = current_database())
      and (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)
      and state = 'active' and wait_event = 'ClientRead' and usename = current_user
      and xact_start < now() - $2 * interval '1 ms'`,
};
