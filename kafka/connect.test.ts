// Against listeners that speak just enough of the protocol to be asked for their versions and their cluster.
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { VersionRange } from './api-versions.ts';
import { int16, int32 } from './big-endian.testing.ts';
import { checkCluster } from './connect.ts';

const [PRODUCE, METADATA, API_VERSIONS] = [0, 3, 18];
/** Every request in the versions of Kafka 3, but Metadata only in the one that is answered here. */
const KAFKA_3: readonly (readonly [key: number, ...VersionRange])[] = [
  [PRODUCE, 0, 9],
  [1, 4, 13],
  [2, 1, 7],
  [METADATA, 1, 1],
  [8, 2, 8],
  [9, 1, 8],
  [10, 0, 4],
  [11, 0, 7],
  [12, 0, 4],
  [13, 0, 4],
  [14, 0, 5],
  [15, 0, 5],
  [17, 1, 1],
  [API_VERSIONS, 0, 3],
  [19, 2, 7],
  [22, 0, 4],
  [32, 1, 4],
  [36, 0, 2],
];

const servers: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Resolves with the port of a broker whose cluster is itself and those of the other ports. */
async function brokerWith(versions: typeof KAFKA_3, others: readonly number[] = []): Promise<number> {
  const sockets = new Set<Socket>();
  let port = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (request) => {
      const [key, version] = [request.readInt16BE(4), request.readInt16BE(6)];
      const body = key === METADATA ? metadata([port, ...others]) : apiVersions(version, versions);
      socket.write(Buffer.concat([int32(4 + body.length), request.subarray(8, 12), body]));
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  servers.push({ server, sockets });
  const address = server.address();
  if (typeof address === 'object' && address !== null) port = address.port;
  return port;
}

function apiVersions(version: number, versions: typeof KAFKA_3): Buffer {
  const isCompact = version >= 3;
  const tags = Buffer.alloc(isCompact ? 1 : 0);
  const entries = versions.flatMap(([key, min, max]) => [int16(key), int16(min), int16(max), tags]);
  const count = isCompact ? Buffer.of(versions.length + 1) : int32(versions.length);
  return Buffer.concat([int16(0), count, ...entries, int32(0), tags]);
}

function metadata(ports: readonly number[]): Buffer {
  const host = Buffer.from('127.0.0.1');
  const brokers = ports.flatMap((port, id) => [int32(id), int16(host.length), host, int32(port), int16(-1)]);
  return Buffer.concat([int32(ports.length), ...brokers, int32(0), int32(0)]);
}

async function check(port: number, appenderClient: 'kafkajs' | 'platformatic' = 'kafkajs'): Promise<void> {
  await checkCluster({ config: { brokers: [`127.0.0.1:${port}`], appenderClient }, clientId: 'test' });
}

describe('a cluster is checked before anything is opened', () => {
  test('row 37 · a broker that is too old is named with each request and both ranges', async () => {
    const port = await brokerWith(KAFKA_3);
    await expect(check(port)).rejects.toMatchObject({
      code: 'PMC_KAFKA_INCOMPATIBLE',
      message:
        `the broker at 127.0.0.1:${port} and the chosen clients do not understand each other: ` +
        'Metadata is offered as version 1, kafkajs speaks versions 4 to 6; ' +
        'Metadata is offered as version 1, platformatic speaks versions 10 to 12',
    });
  });

  test('row 37 · a broker that dropped what kafkajs speaks is refused for kafkajs', async () => {
    const newer = KAFKA_3.map(([key, min, max]) =>
      key === PRODUCE ? ([key, 8, 11] as const) : ([key, min, max] as const),
    );
    const port = await brokerWith(newer);
    await expect(check(port)).rejects.toThrow('Produce is offered as versions 8 to 11, kafkajs speaks versions 3 to 7');
    await expect(check(port, 'platformatic')).rejects.toThrow(/^(?!.*Produce)/);
  });

  test('a broker of the cluster that is away does not hide the one that is too old', async () => {
    const gone = await brokerWith(KAFKA_3);
    const [{ server } = {}] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    await expect(check(await brokerWith(KAFKA_3, [gone]))).rejects.toMatchObject({ code: 'PMC_KAFKA_INCOMPATIBLE' });
  });
});
