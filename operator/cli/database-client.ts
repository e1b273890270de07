// One connection for a command, ended with it.
import pg from 'pg';
import { connectionError } from '../../service/database.ts';

/** Throws what `connectionError` says where the server does not answer or does not let us in. */
export async function withDatabase<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect().catch((error: unknown) => {
      throw connectionError(databaseUrl, error);
    });
    return await work(client);
  } finally {
    await client.end();
  }
}
