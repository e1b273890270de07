// Ports for servers that a test starts. Drawn below the range from which the system takes ports for outgoing
// connections, so that nobody gets one between the look and the server's start; two runs side by side draw differently, and
// two workers of one run from shares of their own: a server that is away for a moment finds its port again.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const SHARES = 4;
const PORTS_OF_A_SHARE = 5_000;
const LOWEST = 12_000 + (Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES) * PORTS_OF_A_SHARE;
const DRAWS_MAX = 1_000;

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let draw = 0; ports.size < count; draw += 1) {
    if (draw === DRAWS_MAX) throw new Error(`found ${ports.size} of ${count} free ports in ${DRAWS_MAX} draws`);
    const port = randomInt(LOWEST, LOWEST + PORTS_OF_A_SHARE);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

/** The lowest of `count` free ports that follow each other. */
export async function freePortsInARow(count: number): Promise<number> {
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const first = randomInt(LOWEST, LOWEST + PORTS_OF_A_SHARE - count);
    const row = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(row.map(isFree))).every(Boolean)) return first;
  }
  throw new Error(`found no ${count} free ports in a row in ${DRAWS_MAX} draws`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
