import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAllowedOrigin } from './origins.ts';

const ALLOWED = ['https://chat.example.org', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'capacitor://localhost'];

describe('the origin of a handshake', () => {
  it('may be absent: then it is no browser', () => {
    expect(isAllowedOrigin(undefined, ALLOWED)).toBe(true);
    expect(isAllowedOrigin(undefined, [])).toBe(true);
  });

  it.each([...ALLOWED, 'https://chat.example.org:443', 'HTTPS://Chat.Example.org', 'capacitor://LOCALHOST'])(
    '%s is allowed',
    (origin) => {
      expect(isAllowedOrigin(origin, ALLOWED)).toBe(true);
      expect(isAllowedOrigin(origin, [])).toBe(false);
    },
  );

  it.each([
    '',
    'null',
    '*',
    'chat.example.org',
    'http://chat.example.org',
    'https://chat.example.org:8443',
    'https://chat.example.org.evil.example',
    'https://evil.example/https://chat.example.org',
    'https://chat.example.org/',
    'https://chat.example.org@evil.example',
    'https://user@chat.example.org',
    'https://sub.chat.example.org',
    'https://chat.example.org\\evil.example',
    'https://chat.example.org https://evil.example',
    'http://127.0.0.1',
    'http://127.0.0.1:80801',
    'http://localhost:8080',
    'capacitor://evil',
    'file://',
  ])('%j is not', (origin) => {
    expect(isAllowedOrigin(origin, ALLOWED)).toBe(false);
  });

  it('takes what is allowed without its port as with the usual one', () => {
    expect(isAllowedOrigin('https://a.example', ['https://A.example:443'])).toBe(true);
    expect(isAllowedOrigin('http://a.example', ['https://a.example:80'])).toBe(false);
  });

  it('knows no wildcard and no pattern', () => {
    for (const pattern of ['*', 'https://*', 'https://*.example.org', 'https://.+', '']) {
      expect(isAllowedOrigin('https://chat.example.org', [pattern])).toBe(false);
    }
  });

  it('never fails and never allows what is no text of the list', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.webAuthority()), (origin) => {
        const isListed = ALLOWED.some((one) => one.toLowerCase() === origin.toLowerCase().replace(/:443$/, ''));
        expect(isAllowedOrigin(origin, ALLOWED)).toBe(isListed);
      }),
    );
  });
});
