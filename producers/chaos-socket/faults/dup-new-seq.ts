// The same event under another number: a source that forgot that it had counted it.
import { defineFault, frames, noOptions } from './fault.ts';

export const dupNewSeq = defineFault({
  name: 'dup_new_seq',
  does: 'A frame is sent again with the next number; from a source that does not count, as it was.',
  expects: 'a duplicate by its id',
  options: noOptions,
  strike: (_, { delivery }) => frames(delivery, { ...delivery, numbering: 'new', expect: 'duplicate' }),
});
