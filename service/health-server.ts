// The small HTTP server each service has: /health (alive), /ready (200 or 503 with the reasons), /metrics (Prometheus).
import Fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { PmcError } from './errors.ts';
import type { Health } from './health.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function healthServer(health: Health, metrics: Registry): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/health', () => ({ alive: true }));
  server.get('/ready', async (_request, reply) => {
    const report = health.report();
    return await reply.code(report.ready ? 200 : 503).send(report);
  });
  server.get(
    '/metrics',
    async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.metrics()),
  );
  return server;
}

/** Listens, and turns a taken port into an error that names it and the variable that moves it. Returns the url. */
export async function listen(server: FastifyInstance, address: Address, variable: string): Promise<string> {
  try {
    return await server.listen({ host: address.host, port: address.port });
  } catch (error) {
    throw portError(error, address, variable);
  }
}

/** PMC_PORT_TAKEN for an address in use; any other error as it is. */
export function portError(error: unknown, address: Address, variable: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE') return error;
  const message = `port ${address.port} on ${address.host} is taken; set ${variable} or PMC_PORT_OFFSET to move it`;
  return new PmcError('PMC_PORT_TAKEN', message, { ...address, variable });
}
