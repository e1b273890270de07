// The console's HTTP server: the page and its files, the snapshot as JSON and the live streams. Every address needs the
// token. It serves what the sampler has; it asks no source itself.
import { readFileSync } from 'node:fs';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Access, withoutToken } from '../../service/access.ts';
import { PmcError } from '../../service/errors.ts';
import type { ConsoleMetrics } from './metrics.ts';
import type { Sampler } from './sampler.ts';
import { deniedPage, enteringPage } from './views/denied.ts';
import { changedSections, page, STYLESHEETS } from './views/page.ts';
import { WATCHERS_MAX, type Watchers } from './watchers.ts';

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

const FILES: readonly { readonly name: string; readonly type: string }[] = [
  { name: 'app.js', type: 'text/javascript; charset=utf-8' },
  { name: 'icon.svg', type: 'image/svg+xml' },
  ...STYLESHEETS.map((name) => ({ name, type: 'text/css; charset=utf-8' })),
];

export interface ConsoleServerOptions {
  readonly token: string;
  readonly sampler: Sampler;
  readonly watchers: Watchers;
  readonly metrics: ConsoleMetrics;
}

export function consoleServer({ token, sampler, watchers, metrics }: ConsoleServerOptions): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true, exposeHeadRoutes: false });
  const access = new Access(token);

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const queryToken = queryTokenOf(request);
    const { authorization, cookie: cookies } = request.headers;
    const decision = access.decide({ method: request.method, queryToken, authorization, cookies });
    if (decision === 'granted') return;
    if (decision === 'sign-in') {
      await reply.header('set-cookie', access.setCookie).redirect(withoutToken(request.url), 303);
      return;
    }
    await deny(request, reply, metrics);
  });

  for (const { name, type } of FILES) {
    const content = readFileSync(new URL(`./views/${name}`, import.meta.url));
    server.get(`/${name}`, async (_request, reply) => await reply.type(type).send(content));
  }

  server.get('/', async (_request, reply) => {
    const html = page(await sampler.latest());
    return await reply.type('text/html; charset=utf-8').send(html);
  });

  server.get('/api/snapshot', async () => await sampler.latest());

  server.get('/api/live', async (_request, reply) => {
    if (!watchers.admits()) return await refuse(reply);
    watchers.add(reply.hijack().raw, SECURITY_HEADERS, (snapshot) => ({ name: 'snapshot', data: snapshot }));
    return reply;
  });

  server.get('/live', async (_request, reply) => {
    if (!watchers.admits()) return await refuse(reply);
    const sent = new Map<string, string>();
    watchers.add(reply.hijack().raw, SECURITY_HEADERS, (snapshot) => ({
      name: 'page',
      data: { at: snapshot.at, sections: changedSections(snapshot, sent) },
    }));
    return reply;
  });

  return server;
}

function queryTokenOf({ query }: FastifyRequest): string | undefined {
  if (typeof query !== 'object' || query === null || !('token' in query)) return undefined;
  return typeof query.token === 'string' ? query.token : '';
}

/**
 * A strict cookie is not sent when another site's link leads here, although the browser has it: then a page that goes on
 * by itself does the same step from this site. Everything else is refused.
 */
async function deny(request: FastifyRequest, reply: FastifyReply, metrics: ConsoleMetrics): Promise<void> {
  const isForPeople = request.headers.accept?.includes('text/html') ?? false;
  const isCrossSite = request.headers['sec-fetch-site'] === 'cross-site';
  if (isForPeople && isCrossSite && queryTokenOf(request) === undefined) {
    await reply.code(200).type('text/html; charset=utf-8').send(enteringPage());
    return;
  }
  metrics.requestsDenied.inc();
  const message =
    'the console needs its token: open the address that `pmc ready` printed, or send `Authorization: Bearer`';
  reply.code(401).header('www-authenticate', 'Bearer');
  if (isForPeople) await reply.type('text/html; charset=utf-8').send(deniedPage());
  else await reply.send(errorBody(new PmcError('PMC_UNAUTHORISED', message)));
}

async function refuse(reply: FastifyReply): Promise<FastifyReply> {
  const message = `${WATCHERS_MAX} connections already follow the console live; close one of them`;
  return await reply
    .code(503)
    .header('retry-after', '10')
    .send(errorBody(new PmcError('PMC_CONSOLE_BUSY', message)));
}

function errorBody({ code, message }: PmcError): { error: { code: string; message: string } } {
  return { error: { code, message } };
}
