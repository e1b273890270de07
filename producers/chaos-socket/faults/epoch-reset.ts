// A source that has lost its counter, and says so.
import { also, defineFault, noOptions } from './fault.ts';

export const epochReset = defineFault({
  name: 'epoch_reset',
  does: 'A new epoch begins, from number 1; what was not acknowledged is forgotten.',
  expects: 'a marker in the log; the tail of the old epoch is unknown',
  options: noOptions,
  needs: 'pmc.v1',
  strike: (_, occasion) => also(occasion, { do: 'new-epoch' }),
});
