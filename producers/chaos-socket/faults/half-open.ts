// A host that has vanished: TCP stays, and nobody is there.
import { z } from 'zod';
import { also, defineFault, durationMs } from './fault.ts';

export const halfOpen = defineFault({
  name: 'half_open',
  does: 'For `forMs` nothing is read, sent or answered; then the connection is reset.',
  expects: 'closed by the peer for want of a pong (4004), resumed, nothing lost',
  options: z.strictObject({ forMs: durationMs(60_000) }),
  strike: ({ forMs }, occasion) => also(occasion, { do: 'go-dark', forMs }),
});
