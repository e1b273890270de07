import { describe, expect, it } from 'vitest';
import { Access, checkExposure, withoutToken } from './access.ts';

const access = new Access('the right token');
const nothing = { method: 'GET', queryToken: undefined, authorization: undefined, cookies: undefined };
const cookie = access.setCookie.split(';', 1)[0] ?? '';

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
    ['the cookie of another token', { cookies: new Access('another').setCookie }, 'denied'],
  ])('%s: %o', (_name, given, decision) => {
    expect(access.decide({ ...nothing, ...given })).toBe(decision);
  });

  it('hides the token and keeps the cookie from scripts and from other sites', () => {
    expect(access.setCookie).not.toContain('right');
    expect(access.setCookie).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
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
