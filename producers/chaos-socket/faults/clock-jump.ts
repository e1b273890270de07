// A sender whose clock has just been set: the time of one event lies anywhere within a day of the truth.
import { z } from 'zod';
import { defineFault, frames } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const clockJump = defineFault({
  name: 'clock_jump',
  does: 'The time of an event jumps back by up to `hours`, drawn anew each time.',
  expects: 'stored; ordered by offset, not by time',
  options: z.strictObject({ hours: z.number().positive().max(100_000).default(24) }),
  strike: ({ hours }, { delivery, random }) =>
    frames(
      rewritten(delivery, (members) => {
        const timeMs = Date.parse(String(members['timestamp']));
        return { ...members, timestamp: new Date(timeMs - Math.floor(random() * hours * 3_600_000)).toISOString() };
      }),
    ),
});
