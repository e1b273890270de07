// The server here speaks PostgreSQL's own messages (authentication ok, ready) and is told when to fall silent.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SilentServer } from './silent-server.ts';

const LET_IN = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73]);
const NOTICE = Buffer.from([78, 0, 0, 0, 5, 0]);
/** Long enough for a machine that has other things to do. */
const SILENCE = { silentMs: 250, answerMs: 200 };
/** No look falls between a question and the end of its time. */
const RARE_LOOKS = { silentMs: 600, answerMs: 100 };

type Answer = (newcomer: Socket, first: Socket) => void;
const silent: Answer = () => undefined;

/** A client that it has let in; from then on it answers newcomers as told and this one's queries never. */
async function connected(answer: Answer, options = SILENCE, host = '127.0.0.1') {
  const peers: Socket[] = [];
  const server = createServer((peer) => {
    peers.push(peer);
    const [first = peer] = peers;
    peer.on('error', () => undefined);
    peer.once('data', () => (peer === first ? void peer.write(LET_IN) : answer(peer, first)));
  });
  server.listen(host.startsWith('/') ? { path: join(host, '.s.PGSQL.1') } : { host, port: 0 });
  onTestFinished(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address() as AddressInfo | string;
  const port = typeof address === 'string' ? 1 : address.port;
  const client = new pg.Client({ host, port, user: 'x', database: 'x', password: 'x' });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => void client.end());
  const silence = new SilentServer(options);
  return { client, silence, asked: () => peers.length - 1, stopListening: () => server.close() };
}

/** A statement on it, and how it ended. */
function waitOn(client: pg.Client) {
  const ended = vi.fn();
  client.query('select 1').then(ended, ended);
  return ended;
}

const unreachable = expect.objectContaining({ code: 'PMC_DATABASE_UNREACHABLE' });

test('what waits for a server that hangs fails, after a second question', async () => {
  const { client, silence, asked } = await connected(silent);
  silence.begin(client);
  await expect(client.query('select 1')).rejects.toEqual(unreachable);
  expect(asked()).toBe(2);
});

test('the same where nobody listens any more', async () => {
  const { client, silence, stopListening } = await connected(silent);
  stopListening();
  silence.begin(client);
  await expect(client.query('select 1')).rejects.toEqual(unreachable);
});

test('what waits for a server that answers others goes on waiting', async () => {
  const { client, silence, asked } = await connected((newcomer) => newcomer.write('N'));
  silence.begin(client);
  const ended = waitOn(client);
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(2), 10_000);
  expect(ended).not.toHaveBeenCalled();
});

test('who hears something while the second question is asked goes on waiting', async () => {
  let questions = 0;
  const { client, silence, asked } = await connected((_newcomer, first) => {
    questions += 1;
    if (questions % 2 === 0) first.write(NOTICE);
  }, RARE_LOOKS);
  silence.begin(client);
  const ended = waitOn(client);
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(2), 10_000);
  expect(ended).not.toHaveBeenCalled();
});

test('one question is for all that wait', async () => {
  const { client, silence, asked } = await connected(silent);
  const { client: other } = await connected(silent);
  silence.begin(client);
  silence.begin(other);
  const ended = [waitOn(client), waitOn(other)];
  await vi.waitFor(
    () => expect(ended.map(({ mock }) => mock.calls)).toEqual([[[unreachable]], [[unreachable]]]),
    10_000,
  );
  expect(asked()).toBe(2);
});

test.for([1, 2])(
  'one that is let go while question %i is asked goes on waiting, and is asked for no more',
  async (last) => {
    let letGo = (): void => undefined;
    const { client, silence, asked } = await connected(() => {
      if (asked() === last) letGo();
    });
    letGo = () => silence.end(client);
    silence.begin(client);
    const ended = waitOn(client);
    await vi.waitFor(() => expect(asked()).toBe(last), 10_000);
    await new Promise((resolve) => setTimeout(resolve, 3 * SILENCE.silentMs));
    expect(ended).not.toHaveBeenCalled();
    expect(asked()).toBe(last);
  },
);

test('of a server that has no address nobody is asked, and what waits for it goes on waiting', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { client, silence, asked } = await connected(silent, SILENCE, folder);
  silence.begin(client);
  const ended = waitOn(client);
  await new Promise((resolve) => setTimeout(resolve, 4 * SILENCE.silentMs));
  expect(ended).not.toHaveBeenCalled();
  expect(asked()).toBe(0);
});
