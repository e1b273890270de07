// The console's HTTP server: the page and its files, the snapshot as JSON and the live streams. Every address needs a
// token: the console's own, or one made for a viewer, operator or admin. It serves what the sampler has; it asks no source itself.
import { readFileSync } from 'node:fs';
import { maxHeaderSize } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { Access, type Decision, type MadeTokens, withoutToken } from '../../service/access.ts';
import { PmcError } from '../../service/errors.ts';
import { addConversationRoutes } from './conversation-routes.ts';
import type { Conversations } from './conversations.ts';
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

/** Of a part of an address, e.g. a chat's name: no less than a request's head may have, so that none is refused before its route answers. */
const PARAM_CHARS_MAX = maxHeaderSize;

export interface ConsoleServerOptions {
  readonly token: string;
  readonly made: MadeTokens;
  readonly sampler: Sampler;
  readonly conversations: Conversations;
  readonly watchers: Watchers;
  readonly metrics: ConsoleMetrics;
}

export function consoleServer({
  token,
  made,
  sampler,
  conversations,
  watchers,
  metrics,
}: ConsoleServerOptions): FastifyInstance {
  const server = Fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
  });
  const access = new Access(token, made);
  const decide = (request: FastifyRequest): Decision => {
    const { authorization, cookie: cookies } = request.headers;
    return access.decide({ method: request.method, queryToken: queryTokenOf(request), authorization, cookies });
  };
  /** Whose stream it is: it ends with the token. */
  const tokenIdOf = (request: FastifyRequest): string | undefined => {
    const decision = decide(request);
    return decision.outcome === 'granted' ? decision.tokenId : undefined;
  };

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    const decision = decide(request);
    if (decision.outcome === 'granted') return;
    if (decision.outcome === 'sign-in') {
      await reply.header('set-cookie', decision.setCookie).redirect(withoutToken(request.url), 303);
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

  addConversationRoutes(server, conversations);

  server.get('/api/live', async (request, reply) => {
    if (!watchers.admits()) return await refuse(reply);
    const watcher = { tokenId: tokenIdOf(request), headers: SECURITY_HEADERS };
    watchers.add(reply.hijack().raw, watcher, (snapshot) => ({ name: 'snapshot', data: snapshot }));
    return reply;
  });

  server.get('/live', async (request, reply) => {
    if (!watchers.admits()) return await refuse(reply);
    const watcher = { tokenId: tokenIdOf(request), headers: SECURITY_HEADERS };
    const sent = new Map<string, string>();
    watchers.add(reply.hijack().raw, watcher, (snapshot) => ({
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
    'the console needs a token: open the address that `pmc ready` printed, or send `Authorization: Bearer` with the ' +
    "console's own token or one made by `pmc token create --role viewer`";
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
