// A reference that comes before what it refers to.
import { another } from '../delivery.ts';
import { defineFault, frames, noOptions } from './fault.ts';
import { membersOf, rewritten } from './rewrite.ts';

export const lateRef = defineFault({
  name: 'late_ref',
  does: 'A message is read before it has been sent: the `read` event goes first.',
  expects: 'both stored; the reference parked, and applied when its message comes',
  options: noOptions,
  strike: (_, { delivery }) => {
    const { id, timestamp, sender, chat, metadata } = membersOf(delivery);
    if (delivery.event !== 'message' || typeof id !== 'string') return frames(delivery);
    const read = rewritten(delivery, () => {
      return { event: 'read', id: `${id}_read`, timestamp, reader: sender, chat, message_id: id, metadata };
    });
    return frames(another(read), delivery);
  },
});
