// The server here speaks PostgreSQL's own messages (authentication ok, ready) and is told when to fall silent.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SilentServer } from './silent-server.ts';

const LET_IN = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73]);
/** An error of the server's: it has too many connections. */
const FULL = Buffer.from('E\0\0\0\x16SFATAL\0C53300\0Mx\0\0', 'latin1');
const SILENCE = { silentMs: 40, answerMs: 200 };

type Answer = (peer: Socket) => void;
const letIn: Answer = (peer) => peer.write(LET_IN);

/** A client that it has let in; from then on it answers newcomers as told and this one's queries never. */
async function connected(answer: Answer) {
  let toNewcomers = letIn;
  let newcomers = 0;
  const server = createServer((peer) => {
    peer.on('error', () => undefined).once('data', () => toNewcomers(peer));
    newcomers += 1;
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = { host: '127.0.0.1', port, user: 'x', database: 'x', password: 'x' };
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => void client.end());
  toNewcomers = answer;
  const silence = new SilentServer(connection, SILENCE);
  return { client, silence, asked: () => newcomers - 1, stop: () => server.close() };
}

const unreachable = expect.objectContaining({ code: 'PMC_DATABASE_UNREACHABLE' });

test('what waits for a server that hangs fails, after a second question', async () => {
  const { client, silence, asked } = await connected(() => undefined);
  silence.begin(client);
  await expect(client.query('select 1')).rejects.toEqual(unreachable);
  expect(asked()).toBe(2);
});

test('the same where nobody listens any more', async () => {
  const { client, silence, stop } = await connected(letIn);
  stop();
  silence.begin(client);
  await expect(client.query('select 1')).rejects.toEqual(unreachable);
});

test.for<[string, Answer]>([
  ['lets others in', letIn],
  ['takes no more connections', (peer) => peer.end(FULL)],
])('what waits for a server that %s goes on waiting', async ([, answer]) => {
  const { client, silence, asked } = await connected(answer);
  const ended = vi.fn();
  silence.begin(client);
  client.query('select 1').then(ended, ended);
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(4));
  expect(ended).not.toHaveBeenCalled();
});

test('one question is for all that wait, and for nobody who waits no longer', async () => {
  const { client, silence, asked } = await connected(() => undefined);
  const other = new pg.Client({ host: '127.0.0.1' });
  const destroyed = vi.spyOn(other.connection.stream, 'destroy');
  silence.begin(other);
  silence.begin(client);
  const lost = client.query('select 1').catch((error: unknown) => error);
  await vi.waitFor(() => expect(asked()).toBe(1));
  silence.end(other);
  expect(await lost).toEqual(unreachable);
  expect(asked()).toBe(2);
  expect(destroyed).not.toHaveBeenCalled();
});

test('one that is let go between two questions is asked for no more', async () => {
  const { client, silence, asked } = await connected(() => undefined);
  const ended = vi.fn();
  silence.begin(client);
  client.query('select 1').then(ended, ended);
  await vi.waitFor(() => expect(asked()).toBe(1));
  silence.end(client);
  await new Promise((resolve) => setTimeout(resolve, SILENCE.answerMs + 5 * SILENCE.silentMs));
  expect(ended).not.toHaveBeenCalled();
  expect(asked()).toBe(1);
});
