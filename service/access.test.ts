import { describe, expect, it } from 'vitest';
import { Access, checkExposure, withoutToken } from './access.ts';
import type { LiveToken } from './token-cache.ts';
import type { TokenRole } from './token-format.ts';

const access = new Access('the right token');
const nothing = { method: 'GET', queryToken: undefined, authorization: undefined, cookies: undefined };
const setCookie = setCookieOf(access, 'the right token');
const cookie = setCookie.split(';', 1)[0] ?? '';

function setCookieOf(to: Access, queryToken: string): string {
  const decision = to.decide({ ...nothing, queryToken });
  if (decision.outcome !== 'sign-in') throw new Error(`the token was ${decision.outcome}`);
  return decision.setCookie;
}

describe('access', () => {
  it.each([
    ['nothing', {}, 'denied'],
    ['the token in the address', { queryToken: 'the right token' }, 'sign-in'],
    ['a wrong token in the address', { queryToken: 'the wrong token' }, 'denied'],
    ['a wrong token in the address beside a right cookie', { queryToken: 'x', cookies: cookie }, 'denied'],
    ['the token in the address of a POST', { method: 'POST', queryToken: 'the right token' }, 'denied'],
    ['the token as bearer', { authorization: 'Bearer the right token' }, 'granted'],
    ['a wrong bearer', { authorization: 'Bearer the right toke' }, 'denied'],
    ['another scheme', { authorization: 'Basic the right token' }, 'denied'],
    ['the cookie', { cookies: cookie }, 'granted'],
    ['the cookie among others', { cookies: `a=b; ${cookie}; c=d` }, 'granted'],
    ['the token itself as cookie', { cookies: `${cookie.split('=', 1)[0]}=the right token` }, 'denied'],
    ['the cookie of another token', { cookies: setCookieOf(new Access('another'), 'another') }, 'denied'],
  ])('%s: %o', (_name, given, decision) => {
    expect(access.decide({ ...nothing, ...given }).outcome).toBe(decision);
  });

  it('hides the token and keeps the cookie from scripts and from other sites', () => {
    expect(setCookie).not.toContain('right');
    expect(setCookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  it.each([
    ['/?token=t', '/'],
    ['/api/snapshot?a=1&token=t&b=2', '/api/snapshot?a=1&b=2'],
    ['//evil.example/?token=t', '/evil.example/'],
    ['/\\evil.example/?token=t', '/evil.example/'],
  ])('takes the token out of %s and stays on this host', (url, path) => {
    expect(withoutToken(url)).toBe(path);
  });

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('allows a short token on %s', (host) => {
    expect(() => checkExposure(host, 'short', 'TOKEN')).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', '127.evil.example'])('refuses a short token on %s', (host) => {
    expect(() => checkExposure(host, '15 characters..', 'TOKEN')).toThrow(/^TOKEN must have at least 16 characters/);
    expect(() => checkExposure(host, '16 characters...', 'TOKEN')).not.toThrow();
  });
});

describe('tokens that were made for a role', () => {
  const made = (tokenId: string, role: TokenRole): LiveToken => ({ tokenId, role, subject: 'ana', expiresAtMs: null });
  const texts = new Map([
    ['of a viewer', made('T1', 'viewer')],
    ['of an operator', made('T2', 'operator')],
    ['of an admin', made('T3', 'admin')],
    ['of a user', made('T4', 'user')],
    ['of a source', made('T5', 'source')],
  ]);
  const live = new Map([...texts.values()].map((token) => [token.tokenId, token]));
  const door = new Access('the right token', {
    roles: new Set(['viewer', 'operator', 'admin']),
    find: (text) => {
      const token = texts.get(text);
      return token !== undefined && live.has(token.tokenId) ? { ok: true, token } : { ok: false, reason: 'unknown' };
    },
    liveById: (tokenId) => live.get(tokenId),
  });
  const cookieFor = (text: string): string => setCookieOf(door, text).split(';', 1)[0] ?? '';

  it.each(['of a viewer', 'of an operator', 'of an admin'])('one %s opens as the own token does', (text) => {
    const { tokenId } = texts.get(text) as LiveToken;
    const granted = { outcome: 'granted', tokenId };
    expect(door.decide({ ...nothing, authorization: `Bearer ${text}` })).toEqual(granted);
    expect(door.decide({ ...nothing, cookies: cookieFor(text) })).toEqual(granted);
    expect(door.decide({ ...nothing, method: 'POST', queryToken: text }).outcome).toBe('denied');
    expect(access.decide({ ...nothing, authorization: `Bearer ${text}` }).outcome).toBe('denied');
    expect(access.decide({ ...nothing, cookies: cookieFor(text) }).outcome).toBe('denied');
  });

  it.each(['of a user', 'of a source', 'of nobody'])('one %s does not', (text) => {
    expect(door.decide({ ...nothing, authorization: `Bearer ${text}` }).outcome).toBe('denied');
    expect(door.decide({ ...nothing, queryToken: text }).outcome).toBe('denied');
  });

  it('leaves the own token as it is', () => {
    expect(door.decide({ ...nothing, cookies: cookie })).toEqual({ outcome: 'granted', tokenId: undefined });
    expect(cookieFor('the right token')).toBe(cookie);
  });

  it('takes no cookie for another id, nor one that says nothing', () => {
    const [name = '', value = ''] = cookieFor('of a viewer').split('=');
    const cookies = [
      `${name}=${value.replace('T1', 'T3')}`,
      `${name}=T3.`,
      `${name}=.`,
      `${name}=T4.${value.slice(3)}`,
    ];
    expect(cookies.map((one) => door.decide({ ...nothing, cookies: one }).outcome)).toEqual(
      cookies.map(() => 'denied'),
    );
  });

  it('takes the cookie of a token only while that is live', () => {
    const cookies = cookieFor('of a viewer');
    live.delete('T1');
    expect(door.decide({ ...nothing, cookies }).outcome).toBe('denied');
    expect(door.decide({ ...nothing, authorization: 'Bearer of a viewer' }).outcome).toBe('denied');
  });
});
