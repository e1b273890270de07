// Phases: a rate over time, in steps and ramps, instead of one pace throughout. Pure. After the last phase nothing comes.
import { z } from 'zod';

const rate = z.number().min(0).max(100_000);

export const phasesSchema = z
  .array(
    z.strictObject({
      seconds: z.number().positive().max(10_000_000),
      /** Events per second; with `to`, growing or falling evenly until then. */
      rate,
      to: rate.optional(),
    }),
  )
  .min(1)
  .max(1_000)
  .refine((phases) => phases.some(({ rate: from, to }) => from > 0 || (to ?? 0) > 0), {
    error: 'at least one phase must have a rate above 0',
  });

export type Phases = z.output<typeof phasesSchema>;

/**
 * Events between the beginning and a time: the area under the rate. The n-th event of an even pace lies where the area is
 * n; drawing exponential steps of that area instead gives independent arrivals at the wanted rate at each moment.
 */
export function timeOfArea(phases: Phases, area: number): number | undefined {
  let left = area;
  let startMs = 0;
  for (const { seconds, rate: from, to = from } of phases) {
    const whole = ((from + to) / 2) * seconds;
    if (left < whole) return startMs + secondsInto({ seconds, from, to }, left) * 1_000;
    left -= whole;
    startMs += seconds * 1_000;
  }
  return undefined;
}

/** Solves from·t + (to − from)/(2·seconds)·t² = area for t, in the form that does not cancel. */
function secondsInto({ seconds, from, to }: { seconds: number; from: number; to: number }, area: number): number {
  if (area === 0) return 0;
  const slope = (to - from) / seconds;
  return (2 * area) / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * area)));
}
