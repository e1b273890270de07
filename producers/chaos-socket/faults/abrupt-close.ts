// A connection that breaks without a word.
import { also, defineFault, noOptions } from './fault.ts';

export const abruptClose = defineFault({
  name: 'abrupt_close',
  does: 'The connection is reset (RST); what is on its way is gone.',
  expects: 'resumed with nothing lost; from a source that does not count, at most the end of that connection',
  options: noOptions,
  strike: (_, occasion) => also(occasion, { do: 'reset' }),
});
