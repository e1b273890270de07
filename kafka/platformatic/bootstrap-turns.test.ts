import { type AddressInfo, createServer, type Server } from 'node:net';
import {
  Admin,
  type Callback,
  type Connection,
  GenericError,
  kGetApi,
  kGetBootstrapConnection,
  kPerformWithRetry,
  NetworkError,
} from '@platformatic/kafka';
import { afterEach, expect, test, vi } from 'vitest';
import { type BaseClass, patchBootstrapTurns } from './bootstrap-turns.ts';
import { accessOptions } from './client.ts';
import { ClusterAdmin } from './cluster-admin.ts';

const servers: Server[] = [];
const admins: Admin[] = [];

/** The port of what takes connections, and says nothing. */
async function silent(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function adminOf(ports: readonly number[], retries = 5): Admin {
  const brokers = ports.map((port) => `127.0.0.1:${port}`);
  const admin = new Admin({ ...accessOptions({ brokers, clientId: 'test' }), retryDelay: 1, retries });
  admins.push(admin);
  return admin;
}

/** The ports that were asked until one of these answered, as the library asks what any broker can answer. */
function askedUntil(
  admin: Admin,
  answering: readonly number[],
  failure = (): Error => new NetworkError('Connection closed'),
): Promise<readonly number[]> {
  const asked: number[] = [];
  return new Promise((resolve) => {
    void admin[kPerformWithRetry](
      'question',
      (answered) =>
        admin[kGetBootstrapConnection]((_error, connection) => {
          const port = connection?.port ?? 0;
          asked.push(port);
          answered(answering.includes(port) ? null : failure(), undefined);
        }),
      () => resolve(asked),
    );
  });
}

afterEach(async () => {
  await Promise.all(admins.splice(0).map((one) => one.close()));
  for (const server of servers.splice(0)) server.close();
});

test('row 42 · a question that one broker did not answer is asked of the next, and so are later ones, of other clients too', async () => {
  const ports = [await silent(), await silent(), await silent()];
  const admin = adminOf(ports);
  const [first = 0] = await askedUntil(admin, ports);
  const others = ports.filter((port) => port !== first);
  const asked = await askedUntil(admin, others);
  expect(asked).toEqual([first, expect.any(Number)]);
  expect(await askedUntil(admin, others)).toEqual([asked[1]]);
  expect(await askedUntil(adminOf(ports), others)).toEqual([asked[1]]);
});

test('row 42 · many questions that one broker did not answer are asked of another, however many they were', async () => {
  const ports = [await silent(), await silent(), await silent()];
  const [first = 0] = await askedUntil(adminOf(ports), ports);
  const others = ports.filter((port) => port !== first);
  const asked = await Promise.all(ports.map(() => askedUntil(adminOf(ports), others)));
  expect(asked).toEqual(ports.map(() => [first, expect.any(Number)]));
});

test('row 42 · what a certain broker did not answer says nothing about the one that others are asked of', async () => {
  const ports = [await silent(), await silent()];
  const admin = adminOf(ports, 0);
  const asked = await askedUntil(admin, ports);
  await new Promise((resolve) => {
    void admin[kPerformWithRetry]('of a leader', (answered) => answered(new NetworkError('closed')), resolve);
  });
  expect(await askedUntil(admin, ports)).toEqual(asked);
});

test('row 42 · who refuses what it was asked is asked before who gave no answer, however many have refused', async () => {
  const ports = [await silent(), await silent(), await silent()];
  const [mute = 0] = await askedUntil(adminOf(ports), ports);
  const others = ports.filter((port) => port !== mute);
  const refusal = () => new GenericError('PLT_KFK_RESPONSE', 'it has no coordinator', { canRetry: true });
  await askedUntil(adminOf(ports), others);
  const asked = await askedUntil(adminOf(ports, 4), [], refusal);
  expect(asked).toHaveLength(5);
  expect(new Set(asked)).toEqual(new Set(others));
});

test('row 42 · what a client had in flight when it was closed says nothing about its broker', async () => {
  const ports = [await silent(), await silent()];
  const admin = adminOf(ports, 0);
  const [first] = await askedUntil(admin, ports);
  const cutOff = askedUntil(admin, [], () => {
    void admin.close();
    return new NetworkError('Connection closed');
  });
  expect([await cutOff, await askedUntil(adminOf(ports), ports)]).toEqual([[first], [first]]);
});

test('row 42 · an error that several wait for is put down to one broker', async () => {
  const ports = [await silent(), await silent(), await silent()];
  const told = new NetworkError('Request timed out');
  const [first] = await askedUntil(adminOf(ports, 0), [], () => told);
  const [second] = await askedUntil(adminOf(ports, 0), [], () => told);
  expect(second).not.toBe(first);
  expect(await askedUntil(adminOf(ports), ports)).toEqual([second]);
});

test('row 42 · the settings of a topic are asked of another broker where one gives no answer', async () => {
  const brokers = [await silent(), await silent()].map((port) => `127.0.0.1:${port}`);
  const admin = new ClusterAdmin({ ...accessOptions({ brokers, clientId: 'test' }), retryDelay: 1, retries: 2 });
  admins.push(admin);
  const asked: (number | undefined)[] = [];
  const api = (
    connection: Connection,
    _resources: unknown,
    _synonyms: unknown,
    _docs: unknown,
    told: Callback<unknown>,
  ) => {
    asked.push(connection.port);
    if (connection.port === asked[0]) return told(new NetworkError('Request timed out'), undefined);
    const configs = [{ name: 'retention.ms', value: '1' }];
    told(null, { results: [{ resourceType: 2, resourceName: 'a', configs }] });
  };
  vi.spyOn(admin, kGetApi).mockImplementation((_name, callback) => callback(null, api as never));
  expect(await admin.settingsOf('a')).toEqual({ 'retention.ms': '1' });
  expect(new Set(asked).size).toBe(2);
});

test('row 42 · a broker that takes no connection is tried once, not by each new client', async () => {
  const closed = await silent();
  await new Promise((resolve) => servers.pop()?.close(resolve));
  const ports = [closed, await silent()];
  const failures: unknown[] = [];
  for (const admin of [adminOf(ports), adminOf(ports)]) {
    admin.on('client:broker:failed', (failure) => failures.push(failure));
    expect(await askedUntil(admin, ports)).toEqual([ports[1]]);
  }
  expect(failures).toHaveLength(1);
});

test('row 42 · also of a client that tries nothing twice', async () => {
  const ports = [await silent(), await silent(), await silent()];
  const admin = adminOf(ports, 0);
  const asked = [await askedUntil(admin, []), await askedUntil(admin, []), await askedUntil(admin, [])];
  expect(new Set(asked.flat())).toEqual(new Set(ports));
});

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const changed = { prototype: {} } as unknown as BaseClass;
  expect(() => patchBootstrapTurns(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.prototype).toEqual({});
  patchBootstrapTurns();
});
