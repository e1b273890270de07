// How far a consumer group is behind on a topic; pure. Lag is the high watermark minus the larger of the committed offset
// and the log start offset. A partition without a commit is unknown, unless it holds nothing that could be read;
// a group without any commit is unknown as a whole.
import type { Offset, PartitionEnds } from '../../kafka/log.ts';
import type { GroupLag } from './facts.ts';

export function groupLag(
  group: string,
  ends: ReadonlyMap<number, PartitionEnds>,
  committed: ReadonlyMap<number, Offset>,
): GroupLag {
  let lag: bigint | undefined;
  let unknownPartitions = 0;
  for (const [partition, { logStart, highWatermark }] of ends) {
    const position = committed.get(partition) ?? (highWatermark === logStart ? logStart : undefined);
    if (position === undefined) unknownPartitions += 1;
    else lag = (lag ?? 0n) + behind(highWatermark, position > logStart ? position : logStart);
  }
  if (committed.size === 0 && unknownPartitions > 0) lag = undefined;
  return { group, lag, unknownPartitions };
}

/** The two numbers are read one after the other, so a busy group may have committed past the end we saw. */
function behind(end: Offset, position: Offset): bigint {
  return end > position ? end - position : 0n;
}
