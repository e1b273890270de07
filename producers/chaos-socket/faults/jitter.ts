// Frames that come late, each by another time.
import { z } from 'zod';
import { defineFault, durationMs, frames } from './fault.ts';

export const jitter = defineFault({
  name: 'jitter',
  does: 'A frame goes out up to `upToMs` late.',
  expects: 'stored, with its latency shown',
  options: z.strictObject({ upToMs: durationMs(500) }),
  strike: ({ upToMs }, { delivery, random }) =>
    frames({ ...delivery, release: { afterMs: Math.ceil(random() * upToMs) } }),
});
