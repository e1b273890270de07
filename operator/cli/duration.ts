// A span of time as people write it on a command line: a whole number and a unit. Pure.
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds, above 0; undefined for what is no duration or longer than ten years. */
export function durationMs(text: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  const spanMs = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return spanMs <= 3_650 * UNIT_MS.d ? spanMs : undefined;
}
