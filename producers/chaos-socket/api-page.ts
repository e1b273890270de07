// The page to watch and steer the simulator: three static files that use the same routes as a script. And who may use any
// of it, where the API can be reached from other machines.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Access, withoutToken } from '../../service/access.ts';
import { PmcError } from '../../service/errors.ts';

const FOLDER = join(import.meta.dirname, 'page');
const FILES = [
  { path: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { path: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
] as const;
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const;

export function addPage(api: FastifyInstance): void {
  for (const { path, file, type } of FILES) {
    const content = readFileSync(join(FOLDER, file));
    api.get(path, async (_request, reply) => await reply.headers(HEADERS).type(type).send(content));
  }
}

/** From here on every route needs the token; without one the API is open, on loopback only. */
export function guard(api: FastifyInstance, token: string | undefined): void {
  // A page of another site can make a browser send requests here, but not as JSON, and not without naming itself.
  api.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.headers['sec-fetch-site'] !== 'cross-site') return;
    throw new PmcError('PMC_UNAUTHORISED', 'requests from pages of other sites are refused');
  });
  if (token === undefined) return;
  const access = new Access(token);
  api.addHook('onRequest', async (request, reply) => {
    const { method, headers, url } = request;
    const query = request.query;
    const given = typeof query === 'object' && query !== null && 'token' in query ? query.token : undefined;
    const queryToken = given === undefined || typeof given === 'string' ? given : '';
    const { authorization, cookie: cookies } = headers;
    const decision = access.decide({ method, queryToken, authorization, cookies });
    if (decision.outcome === 'granted') return;
    if (decision.outcome === 'sign-in') {
      await reply.header('set-cookie', decision.setCookie).redirect(withoutToken(url), 303);
      return;
    }
    reply.header('www-authenticate', 'Bearer');
    const message = 'the simulator needs its token (PMC_CHAOS_TOKEN): send `Authorization: Bearer`, or open /?token=…';
    throw new PmcError('PMC_UNAUTHORISED', message);
  });
}
