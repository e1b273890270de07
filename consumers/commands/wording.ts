// How replies say durations, counts and what is not known; pure.

export const UNKNOWN = 'unknown';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** The two largest units, e.g. `3 h 12 min`; below a second in milliseconds. */
export function durationText(durationMs: number): string {
  const whole = Math.max(0, Math.round(durationMs));
  const first = UNITS.findIndex(([, sizeMs]) => whole >= sizeMs);
  if (first === -1) return `${whole} ms`;
  const parts: string[] = [];
  let restMs = whole;
  for (const [unit, sizeMs] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(restMs / sizeMs);
    if (count > 0) parts.push(`${count} ${unit}`);
    restMs -= count * sizeMs;
  }
  return parts.join(' ');
}

/** With commas between the thousands. */
export function countText(count: number | bigint | undefined): string {
  return count === undefined ? UNKNOWN : count.toLocaleString('en-US');
}
