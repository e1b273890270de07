// Seeded randomness: sfc32, its state filled by splitmix32 from the seed and a lane. Each lane of a seed is independent,
// so that what one stream draws never shifts what another one draws.

/** A number in [0, 1). */
export type Random = () => number;

const TWO_TO_32 = 2 ** 32;

/** `seed` is an integer from 0 to 2^53 - 1. */
export function seededRandom(seed: number, lane: number): Random {
  const low = splitmix32(seed >>> 0);
  const high = splitmix32(Math.floor(seed / TWO_TO_32) ^ 0x9e3779b9);
  const apart = splitmix32(lane ^ 0x85ebca6b);
  let a = low() ^ apart();
  let b = high() ^ apart();
  let c = low() ^ high() ^ apart();
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / TWO_TO_32;
  };
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** A number in [0, 1) that depends only on the three integers: for facts that hold over a span of time. */
export function hashedUnit(salt: number, first: number, second: number): number {
  const mixed = salt ^ Math.imul(first + 1, 0x85ebca6b) ^ Math.imul(second + 1, 0xc2b2ae35);
  return (splitmix32(mixed)() >>> 0) / TWO_TO_32;
}

/** An integer in [0, count). */
export function below(random: Random, count: number): number {
  return Math.floor(random() * count);
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
}
