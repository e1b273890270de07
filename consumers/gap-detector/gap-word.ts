// What a checkpoint of a source says about its numbers: of a gap, or up to where everything has come. The fields came later than
// the others, with null as default: a checkpoint of before says nothing. Pure.
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import type { CountedEvent, GapWord } from './source-ledger.ts';

const KINDS: readonly GapWord['kind'][] = ['gap_open', 'gap_closed', 'gap_lost', 'sampled'];

export function gapWordOf({
  source,
  stream,
  streamEpoch,
  from,
  to,
  ...checkpoint
}: SourceCheckpoint): GapWord | undefined {
  const kind = KINDS.find((one) => one === checkpoint.kind);
  if (kind === undefined || source === null || stream === null || streamEpoch === null) return undefined;
  if (from === null || to === null || from < 1 || to < from) return undefined;
  return { kind, source, stream, streamEpoch, from, to, atMs: checkpoint.at };
}

/** Up to which number of a stream everything has come, as of the checkpoint. */
export function claimOf(checkpoint: SourceCheckpoint): CountedEvent | undefined {
  const { kind, source, stream, streamEpoch, upto, gatewayEpoch, at } = checkpoint;
  if (kind !== 'progress' || source === null || stream === null || streamEpoch === null) return undefined;
  if (upto === null || upto < 1) return undefined;
  return { source, stream, streamEpoch, seq: upto, gatewayEpoch, receivedAtMs: at };
}
