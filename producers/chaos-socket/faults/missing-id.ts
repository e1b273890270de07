// An event without an id: it can be told from others only by its number or its place.
import { defineFault, frames, noOptions } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const missingId = defineFault({
  name: 'missing_id',
  does: 'A frame goes out without its `id`.',
  expects: 'stored; every sending is a row of its own',
  options: noOptions,
  strike: (_, { delivery }) => frames(rewritten(delivery, ({ id: _id, ...members }) => members)),
});
