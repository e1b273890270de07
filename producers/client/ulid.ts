// Names that sort by time: 48 bits of milliseconds and 80 of randomness, in Crockford's base 32. The package of that name is
// not for pages without a bundler.
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** One of now. */
export function newUlid(): string {
  return ulid(Date.now(), crypto.getRandomValues(new Uint8Array(16)));
}

/** `random` is 16 bytes; 5 bits of each are used. */
export function ulid(nowMs: number, random: Uint8Array): string {
  let time = '';
  for (let rest = Math.floor(nowMs), place = 0; place < 10; place++, rest = Math.floor(rest / 32))
    time = `${LETTERS[rest % 32]}${time}`;
  return time + Array.from(random.subarray(0, 16), (byte) => LETTERS[byte % 32]).join('');
}
