// The supervisor's control interface: status, and stop/start/restart of a service, for the command line and the console.
// On loopback and only with the token of this run. Answers when what was asked for is done.
import { timingSafeEqual } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { describeError, PmcError } from '../../service/errors.ts';
import { SERVICE_VERBS, type ServiceStatus, type ServiceVerb, type StackStatus } from './stack-status.ts';

export interface Control {
  status(): Promise<StackStatus>;
  /** Throws PMC_USAGE for an unknown name. */
  command(name: string, verb: ServiceVerb): Promise<ServiceStatus>;
}

const HTTP_STATUS: Readonly<Record<string, number>> = {
  PMC_USAGE: 404,
  PMC_UNAUTHORISED: 401,
  PMC_SERVICE_NOT_READY: 503,
  PMC_INTERRUPTED: 409,
};

export function controlServer(control: Control, token: string): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.setErrorHandler(async (error, _request, reply) => {
    const code = error instanceof PmcError ? error.code : undefined;
    const status = code === undefined ? 500 : (HTTP_STATUS[code] ?? 500);
    const message = error instanceof PmcError ? error.message : describeError(error);
    return await reply.code(status).send({ error: { code, message } });
  });
  server.addHook('onRequest', async (request) => {
    if (!isSame(request.headers.authorization ?? '', `Bearer ${token}`)) {
      throw new PmcError('PMC_UNAUTHORISED', 'the control interface needs the bearer token of the running stack');
    }
  });
  server.get('/status', async () => await control.status());
  server.post<{ Params: { name: string; verb: string } }>(
    '/services/:name/:verb',
    async ({ params: { name, verb } }) => {
      const known = SERVICE_VERBS.find((one) => one === verb);
      if (known === undefined)
        throw new PmcError('PMC_USAGE', `unknown verb ${verb}; known: ${SERVICE_VERBS.join(', ')}`);
      return await control.command(name, known);
    },
  );
  return server;
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
