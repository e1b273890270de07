// A checkpoint that says nothing yet, for whoever writes one: each kind says little of what there is to say.
import type { SourceCheckpoint } from './generated.ts';

export const BLANK_CHECKPOINT: Omit<SourceCheckpoint, 'kind' | 'gatewayEpoch' | 'instance' | 'at' | 'inFlightMax'> = {
  source: null,
  settledUpTo: 0,
  received: 0,
  ends: [],
  settledElsewhere: [],
  reason: null,
  stream: null,
  streamEpoch: null,
  from: null,
  to: null,
  upto: null,
  spoolFrom: null,
  spoolTo: null,
};
