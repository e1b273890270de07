// A query that holds a COPY … FROM STDIN, with all its bytes at hand. The bytes go out behind the text at once, without waiting until
// the server asks for them: a whole transaction is one message there and one answer back. Where the server does not get as far as
// the COPY it ignores the bytes, as the protocol says.
import { once } from 'node:events';
import pg, { type Connection, type QueryArrayResult } from 'pg';
import type { PoolClient } from '../../service/database.ts';
import { killPoint } from '../../service/kill-point.ts';

/** What `pg` has for COPY; its types leave it out. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

class CopyQuery extends pg.Query {
  readonly #bytes: Buffer;

  constructor(text: string, bytes: Buffer) {
    super(text);
    this.#bytes = bytes;
    const { submit } = this;
    this.submit = (connection) => {
      submit.call(this, connection);
      (connection as CopyConnection).sendCopyFromChunk(this.#bytes);
      (connection as CopyConnection).endCopyFrom();
    };
  }

  /** The server is ready for the bytes: they are on their way. */
  handleCopyInResponse(): void {}
}

export type StatementResult = Pick<QueryArrayResult<object[]>, 'command' | 'rows'>;

/** Runs a text of several statements with one COPY among them; returns the results of all, in order. */
export async function queryWithCopy(
  client: PoolClient,
  text: string,
  bytes: Buffer,
): Promise<readonly StatementResult[]> {
  const query = new CopyQuery(text, bytes);
  const ended = once(query, 'end');
  client.query(query);
  killPoint('persistence.copy.sent');
  const [results] = (await ended) as [readonly StatementResult[]];
  return results;
}
