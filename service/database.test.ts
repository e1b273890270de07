import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { connectionError, withConnection } from './database.ts';

const URL_WITH_SECRET = 'postgresql://someone:secret@db.example:5432/pmc';

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('so says the server', 0, 'error');
  error.code = code;
  return error;
}

test.for<[string, Error, string, RegExp]>([
  ['a wrong password', databaseError('28P01'), 'PMC_DATABASE_AUTHENTICATION', /refuses the login/],
  ['a user who is not let in', databaseError('28000'), 'PMC_DATABASE_AUTHENTICATION', /refuses the login/],
  [
    'no password where one is wanted',
    new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'),
    'PMC_DATABASE_AUTHENTICATION',
    /refuses the login/,
  ],
  ['a database that does not exist', databaseError('3D000'), 'PMC_DATABASE_MISSING', /has no such database/],
  ['a server that is full', databaseError('53300'), 'PMC_DATABASE_UNREACHABLE', /takes no connection/],
  ['a server that starts up', databaseError('57P03'), 'PMC_DATABASE_UNREACHABLE', /takes no connection/],
  ['nobody there', new Error('connect ECONNREFUSED'), 'PMC_DATABASE_UNREACHABLE', /does not answer/],
])('%s has its code, and says where and by which variable', ([, cause, code, what]) => {
  const error = connectionError(URL_WITH_SECRET, cause);
  expect(error).toMatchObject({ code, cause });
  expect(error.message).toMatch(/PostgreSQL at db\.example:5432 .*DATABASE_URL/);
  expect(error.message).toMatch(what);
  expect(error.message).not.toContain('secret');
});

test('a connection that is lost fails the query, the next one too, and not the process', async () => {
  const server = createServer((peer) =>
    peer.once('data', () => {
      // PostgreSQL's own messages: authentication ok, ready.
      peer.write(Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73]));
      peer.once('data', () => peer.resetAndDestroy());
    }),
  ).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const url = `postgres://x@127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  const ended = await withConnection(url, async (client) => {
    const lost = await client.query('select 1').catch((error: unknown) => error);
    return [lost, await client.query('select 2').catch((error: unknown) => error)];
  });
  expect(ended).toEqual([expect.objectContaining({ code: 'ECONNRESET' }), expect.any(Error)]);
});
