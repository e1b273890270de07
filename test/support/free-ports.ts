// Ports for servers that a test starts. Drawn below the range from which the system takes ports for outgoing
// connections, so that nobody gets one between the look and the server's start; two runs side by side draw differently.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const LOWEST = 12_000;
const HIGHEST = 31_999;
const DRAWS_MAX = 1_000;

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  for (let draw = 0; ports.size < count; draw += 1) {
    if (draw === DRAWS_MAX) throw new Error(`found ${ports.size} of ${count} free ports in ${DRAWS_MAX} draws`);
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
