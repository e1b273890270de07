// How a fault is armed: where, when and how often it strikes. The same words in a profile, in a schedule file and in
// POST /api/faults. Pure. Times are seconds of the plan's own time, or since it was armed for what a request arms.
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import { FAULTS } from './faults/table.ts';

const seconds = z.number().min(0).max(10_000_000);
const NAMES = [...FAULTS.keys()];

export const armingSchema = z
  .strictObject({
    fault: z.string().refine((name) => FAULTS.has(name), { error: `must be one of: ${NAMES.join(', ')}` }),
    /** The chance at each event; or moments; or a period. With none of them it strikes once, at `from`. */
    probability: z.number().min(0).max(1).optional(),
    at: z.array(seconds).min(1).max(10_000).optional(),
    every: z.number().min(0.01).max(10_000_000).optional(),
    /** The window: from inclusive, to exclusive. */
    from: seconds.default(0),
    to: seconds.optional(),
    /** How often at most: on each stream, or over all of them for what a request arms. */
    times: z.number().int().min(1).optional(),
    kinds: z.array(z.enum(EVENT_KINDS)).min(1).optional(),
    chat: z.string().min(1).optional(),
    source: z.string().startsWith('/', 'must be the path of a source, such as /source-1').optional(),
    options: z.record(z.string(), z.unknown()).optional(),
  })
  .superRefine(({ probability, at, every, from, to }, context) => {
    const given = [probability, at, every].filter((one) => one !== undefined).length;
    if (given > 1) context.addIssue('only one of probability, at and every may be given');
    if (to !== undefined && to <= from) context.addIssue(`to (${to}) must be after from (${from})`);
    const outside = at?.filter((moment) => moment < from || (to !== undefined && moment >= to)) ?? [];
    if (outside.length > 0) context.addIssue(`at ${outside.join(', ')} lies outside the window from ${from} to ${to}`);
  });

export type Arming = z.output<typeof armingSchema>;

/** A window that begins when all is over would never strike, which nobody means. */
export function checkWithin(armings: readonly Arming[], planSeconds: number | undefined): void {
  if (planSeconds === undefined) return;
  for (const { fault, from, at = [] } of armings) {
    const late = [from, ...at].find((moment) => moment >= planSeconds);
    if (late === undefined) continue;
    const message = `fault ${fault} is to strike at ${late} s, but the plan ends at ${planSeconds} s`;
    throw new PmcError('PMC_CHAOS_SCHEDULE_INVALID', message);
  }
}
