// An event of a kind that nobody knows yet.
import { defineFault, frames, noOptions } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const unknownEvent = defineFault({
  name: 'unknown_event',
  does: 'The kind of an event is replaced by one that does not exist.',
  expects: 'stored as kind `unknown`, with warning 116',
  options: noOptions,
  strike: (_, { delivery }) => frames(rewritten(delivery, (members) => ({ ...members, event: 'teleport' }))),
});
