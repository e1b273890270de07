import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isToken, TOKEN_BYTES, tokenHashOf, tokenOf, withoutTokens } from './token-format.ts';

const bytes = fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES });
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('');

describe('a token', () => {
  it('has one form whatever the randomness, which none of it is lost in', () => {
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        expect(tokenOf(one)).toMatch(/^pmc_[0-9A-Za-z]{49}$/);
        expect(isToken(tokenOf(one))).toBe(true);
        expect(tokenOf(one) === tokenOf(other)).toBe(Buffer.compare(one, other) === 0);
      }),
    );
  });

  it('holds all 256 bits', () => {
    expect(tokenOf(Buffer.alloc(32, 255))).not.toBe(
      tokenOf(Buffer.concat([Buffer.alloc(1, 127), Buffer.alloc(31, 255)])),
    );
    expect(tokenOf(Buffer.alloc(32))).toMatch(/^pmc_0{43}/);
  });

  it('is known as mistyped when one character is wrong, or two are exchanged', () => {
    const places = fc.integer({ min: 4, max: 52 });
    fc.assert(
      fc.property(bytes, places, places, fc.constantFrom(...DIGITS), (random, at, other, digit) => {
        const token = tokenOf(random);
        const chars = token.split('');
        chars[at] = digit;
        expect(isToken(chars.join(''))).toBe(chars.join('') === token);
        const swapped = token.split('');
        [swapped[at], swapped[other]] = [token[other] as string, token[at] as string];
        expect(isToken(swapped.join(''))).toBe(swapped.join('') === token);
      }),
    );
  });

  it.each(['', 'pmc_', 'abc', `pmc_${'a'.repeat(48)}`, `pmc_${'a'.repeat(50)}`, `PMC_${'a'.repeat(49)}`])(
    '%j is none',
    (text) => expect(isToken(text)).toBe(false),
  );

  it('is not one with something around it', () => {
    const token = tokenOf(randomBytes(32));
    for (const text of [` ${token}`, `${token}\n`, `Bearer ${token}`]) expect(isToken(text)).toBe(false);
  });

  it('is stored as 32 bytes that do not show it', () => {
    const token = tokenOf(randomBytes(32));
    expect(Buffer.from(tokenHashOf(token), 'base64')).toHaveLength(32);
  });
});

describe('text that a token got into', () => {
  it('loses it, also where it is cut off, and keeps everything else', () => {
    const token = tokenOf(randomBytes(32));
    for (const shown of [token, token.slice(0, 30), `${token}x`]) {
      expect(withoutTokens(`{"hello":{"token":"${shown}"},"n":1}`)).toBe('{"hello":{"token":"pmc_(hidden)"},"n":1}');
    }
    expect(withoutTokens(`${token} ${token}`)).toBe('pmc_(hidden) pmc_(hidden)');
  });

  it.each(['pmc_messages_received_total', 'pmc_console_requests_denied_total', 'pmc.messages.incoming', ''])(
    '%j is kept',
    (text) => expect(withoutTokens(text)).toBe(text),
  );
});
