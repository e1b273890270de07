// A receiver that acknowledges what it has not kept, seen from the source: it forgets the event and will not send it again.
import { defineFault, frames, noOptions } from './fault.ts';

export const ackLie = defineFault({
  name: 'ack_lie',
  does: 'A frame is sent once and forgotten at once, as if it had been acknowledged.',
  expects:
    'stored when it arrives; when the connection breaks first, lost at the source, and answered with `unavailable`',
  options: noOptions,
  needs: 'pmc.v1',
  strike: (_, { delivery }) => frames({ ...delivery, isRetained: false }),
});
