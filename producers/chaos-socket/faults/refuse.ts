// A door that stays shut.
import { z } from 'zod';
import { also, defineFault, durationMs } from './fault.ts';

export const refuse = defineFault({
  name: 'refuse',
  does: 'The connection is reset, and for `forMs` every upgrade is answered with 503.',
  expects: 'dialled again with back-off, resumed, nothing lost',
  options: z.strictObject({ forMs: durationMs(3_000) }),
  strike: ({ forMs }, occasion) => also(occasion, { do: 'refuse', forMs }, { do: 'reset' }),
});
