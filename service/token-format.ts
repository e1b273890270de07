// What a token looks like: `pmc_`, 43 characters of randomness (256 bits in base 62), 6 of a checksum over them. The prefix lets
// people and scanners of secrets recognise one, the checksum tells a mistyped one from an unknown one, and there is nothing
// but letters and digits behind the prefix, so that a double click selects it. Pure.
//
// What is stored of a token is its SHA-256. A slow hash (bcrypt, scrypt) makes guessing a password dear, because people choose
// passwords from a few millions of likely ones; among 2^256 equally likely tokens nothing can be guessed at any speed. And
// a lookup by the hash tells who measures its time nothing that helps: to steer the hash is to know its preimage.
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const TOKEN_ROLES = ['user', 'source', 'viewer', 'operator', 'admin'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

export const TOKEN_BYTES = 32;

const PREFIX = 'pmc_';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BODY_CHARS = 43;
const CHECKSUM_CHARS = 6;
const TOKEN = new RegExp(`^${PREFIX}([0-9A-Za-z]{${BODY_CHARS}})([0-9A-Za-z]{${CHECKSUM_CHARS}})$`);
/** Also what was cut off or mistyped, and hence may be nearly one. */
const TOKEN_LIKE = new RegExp(`${PREFIX}[0-9A-Za-z]{20,}`, 'g');

/** `random` is 32 bytes from a source that nobody can foresee. */
export function tokenOf(random: Uint8Array): string {
  const body = inBase62(BigInt(`0x${Buffer.from(random).toString('hex')}`), BODY_CHARS);
  return `${PREFIX}${body}${checksumOf(body)}`;
}

/** Whether it can be one at all: right prefix, length, letters and checksum. */
export function isToken(text: string): boolean {
  const [, body, checksum] = TOKEN.exec(text) ?? [];
  return body !== undefined && checksumOf(body) === checksum;
}

/** What is stored and looked up: 32 bytes as base64. */
export function tokenHashOf(token: string): string {
  return hash('sha256', token, 'base64');
}

/** The same text without what is, or may be, a token. */
export function withoutTokens(text: string): string {
  return text.includes(PREFIX) ? text.replace(TOKEN_LIKE, `${PREFIX}(hidden)`) : text;
}

function checksumOf(body: string): string {
  return inBase62(BigInt(crc32(body)), CHECKSUM_CHARS);
}

function inBase62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = `${DIGITS[Number(rest % 62n)]}${text}`;
  return text;
}
