// A sender whose clock is off, always by the same time.
import { z } from 'zod';
import { defineFault, frames } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const clockSkew = defineFault({
  name: 'clock_skew',
  does: 'The time of an event is off by `hours`.',
  expects: 'stored; ordered by offset, not by time; the skew measured',
  options: z.strictObject({ hours: z.number().min(-100_000).max(100_000).default(-3) }),
  strike: ({ hours }, { delivery }) =>
    frames(
      rewritten(delivery, (members) => {
        const timeMs = Date.parse(String(members['timestamp']));
        return { ...members, timestamp: new Date(timeMs + hours * 3_600_000).toISOString() };
      }),
    ),
});
