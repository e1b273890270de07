// Where the log ends and how far each group has committed, as one consistent-enough look: the commits are read before the
// ends, so that a lag can be a little too large but never negative.

import type { LogAdmin } from '../../kafka/log.ts';
import { offsetToJson } from '../../kafka/offsets.ts';
import { GROUP, TOPIC } from '../../schemas/topics.ts';
import type { LogFacts } from './observation.ts';

const GROUPS = [GROUP.persistence, GROUP.commands, GROUP.gapDetector];

export async function readPositions(admin: LogAdmin): Promise<LogFacts> {
  const topic = TOPIC.incoming;
  const committed = await Promise.all(
    GROUPS.map(async (group) => [group, await admin.committed(group, topic)] as const),
  );
  const ends = await admin.ends(topic);
  const partitions = [...ends]
    .sort(([left], [right]) => left - right)
    .map(([partition, { logStart, highWatermark }]) => ({
      partition,
      logStart: offsetToJson(logStart),
      highWatermark: offsetToJson(highWatermark),
      committed: Object.fromEntries(
        committed.flatMap(([group, offsets]) => {
          const offset = offsets.get(partition);
          return offset === undefined ? [] : [[group, offsetToJson(offset)]];
        }),
      ),
    }));
  return { topic, groups: GROUPS, partitions };
}
