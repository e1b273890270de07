// Pure: when a call that nobody waits for is made again, after its retries have all failed.

export interface Patience {
  readonly lowestMs: number;
  readonly highestMs: number;
  /** From the beginning; what has not been done by then is given up. */
  readonly wholeMs: number;
}

/** As long again as it has been tried for, within limits; undefined when that would be too late. */
export function postponementMs(triedForMs: number, { lowestMs, highestMs, wholeMs }: Patience): number | undefined {
  const delayMs = Math.min(Math.max(triedForMs, lowestMs), highestMs);
  return triedForMs + delayMs > wholeMs ? undefined : delayMs;
}
