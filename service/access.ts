// Who may use a service's pages. A token opens them in three ways: once in the address (the answer is a cookie and a redirect that
// takes it out of the address again), as that cookie, or as a bearer token for scripts. The token is the service's own, or one
// that was made by `pmc token` for a role that is let in. A cookie carries a value derived from the service's own token, never a
// token; that of a made one carries its id as well, and is worth something only while that token is live. All comparisons with
// the own token take the same time whatever is wrong. Pure.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { PmcError } from './errors.ts';
import { isLoopback } from './loopback.ts';
import type { LiveToken, TokenFinding } from './token-cache.ts';
import type { TokenRole } from './token-format.ts';

export interface Credentials {
  readonly method: string;
  readonly queryToken: string | undefined;
  readonly authorization: string | undefined;
  readonly cookies: string | undefined;
}

export type Decision =
  /** `tokenId` of a made token: what goes on for long has to end with it. */
  | { readonly outcome: 'granted'; readonly tokenId: string | undefined }
  | { readonly outcome: 'sign-in'; readonly setCookie: string }
  | { readonly outcome: 'denied' };

/** The made tokens, and which of them are let in. */
export interface MadeTokens {
  readonly roles: ReadonlySet<TokenRole>;
  readonly find: (text: string) => TokenFinding;
  readonly liveById: (tokenId: string) => LiveToken | undefined;
}

const DENIED: Decision = { outcome: 'denied' };

const TOKEN_LENGTH_MIN = 16;
/** No id of a made token. */
const OWN = '';

export class Access {
  readonly #token: string;
  readonly #cookieName: string;
  readonly #made: MadeTokens | undefined;

  constructor(token: string, made?: MadeTokens) {
    this.#token = token;
    this.#made = made;
    // Cookies do not distinguish ports: the name tells services on one host apart.
    this.#cookieName = `pmc_${derived(token, 'cookie name').slice(0, 8)}`;
  }

  decide({ method, queryToken, authorization, cookies }: Credentials): Decision {
    if (queryToken !== undefined) {
      const holder = method === 'GET' ? this.#holderOf(queryToken) : undefined;
      return holder === undefined ? DENIED : { outcome: 'sign-in', setCookie: this.#setCookie(holder) };
    }
    const bearer = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    const holder = bearer === undefined ? this.#holderOfCookie(cookies ?? '') : this.#holderOf(bearer);
    return holder === undefined ? DENIED : { outcome: 'granted', tokenId: holder === OWN ? undefined : holder };
  }

  /** The id of a made token that is let in, OWN for the service's own token. */
  #holderOf(text: string): string | undefined {
    if (isSame(text, this.#token)) return OWN;
    const found = this.#made?.find(text);
    return found?.ok ? this.#admitted(found.token) : undefined;
  }

  #holderOfCookie(cookies: string): string | undefined {
    const given = cookieOf(cookies, this.#cookieName);
    const id = given.slice(0, Math.max(0, given.indexOf('.')));
    if (!isSame(given, this.#cookieValue(id))) return undefined;
    if (id === OWN) return OWN;
    const token = this.#made?.liveById(id);
    return token === undefined ? undefined : this.#admitted(token);
  }

  #admitted({ tokenId, role }: LiveToken): string | undefined {
    return this.#made?.roles.has(role) ? tokenId : undefined;
  }

  #cookieValue(holder: string): string {
    return holder === OWN
      ? derived(this.#token, 'cookie value')
      : `${holder}.${derived(this.#token, `cookie value of ${holder}`)}`;
  }

  #setCookie(holder: string): string {
    return `${this.#cookieName}=${this.#cookieValue(holder)}; Path=/; HttpOnly; SameSite=Strict`;
  }
}

/** Throws PMC_CONFIG_INVALID for a host that others can reach together with a token that they can guess, or none. */
export function checkExposure(host: string, token: string, variable: string): void {
  if (isLoopback(host) || token.length >= TOKEN_LENGTH_MIN) return;
  const message =
    `${variable} must have at least ${TOKEN_LENGTH_MIN} characters when what it opens listens on ${host}; ` +
    'set a longer one, or PMC_HOST=127.0.0.1';
  throw new PmcError('PMC_CONFIG_INVALID', message, { host });
}

/** The path to go to after signing in: the same one without the token, and never another host. */
export function withoutToken(url: string): string {
  const [path = '/', query = ''] = url.split('?', 2);
  const kept = new URLSearchParams(query);
  kept.delete('token');
  const rest = kept.toString();
  return `/${path.replace(/^[/\\]+/, '')}${rest === '' ? '' : `?${rest}`}`;
}

function cookieOf(header: string, name: string): string {
  const pair = header.split(';').find((one) => one.trim().startsWith(`${name}=`));
  return pair?.trim().slice(name.length + 1) ?? '';
}

function derived(token: string, purpose: string): string {
  return createHmac('sha256', token).update(`pmc console ${purpose}`).digest('hex');
}

function isSame(given: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(right));
}
