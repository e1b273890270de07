// The peer keeps an event and the source never hears of it.
import { also, defineFault, noOptions } from './fault.ts';

export const closeBeforeAck = defineFault({
  name: 'close_before_ack',
  does: 'The acknowledgement of this event is not seen: the connection is reset as it arrives.',
  expects: 'sent again after the resume; one row, one duplicate',
  options: noOptions,
  needs: 'pmc.v1',
  strike: (_, occasion) => also(occasion, { do: 'reset-at-ack' }),
});
