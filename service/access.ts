// Who may use a service's pages. A token opens them in three ways: once in the address (the answer is a cookie and a redirect that
// takes it out of the address again), as that cookie, or as a bearer token for scripts. The cookie carries a value derived
// from the token, not the token. All comparisons take the same time whatever is wrong. Pure.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { PmcError } from './errors.ts';
import { isLoopback } from './loopback.ts';

export interface Credentials {
  readonly method: string;
  readonly queryToken: string | undefined;
  readonly authorization: string | undefined;
  readonly cookies: string | undefined;
}

export type Decision = 'granted' | 'sign-in' | 'denied';

const TOKEN_LENGTH_MIN = 16;

export class Access {
  readonly #token: string;
  readonly #cookieName: string;
  readonly #cookieValue: string;

  constructor(token: string) {
    this.#token = token;
    // Cookies do not distinguish ports: the name tells services on one host apart.
    this.#cookieName = `pmc_${derived(token, 'cookie name').slice(0, 8)}`;
    this.#cookieValue = derived(token, 'cookie value');
  }

  decide({ method, queryToken, authorization, cookies }: Credentials): Decision {
    if (queryToken !== undefined) {
      return method === 'GET' && isSame(queryToken, this.#token) ? 'sign-in' : 'denied';
    }
    const bearer = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    if (bearer !== undefined) return isSame(bearer, this.#token) ? 'granted' : 'denied';
    return isSame(cookieOf(cookies ?? '', this.#cookieName), this.#cookieValue) ? 'granted' : 'denied';
  }

  get setCookie(): string {
    return `${this.#cookieName}=${this.#cookieValue}; Path=/; HttpOnly; SameSite=Strict`;
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
