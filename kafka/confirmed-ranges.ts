// A range reader that believes in no hole before another client has looked there too: an offset that the first one leaves out is read
// again by the other, and what that one finds is handed over in its place. What both leave out is missing on the log.
import type { Offset, RangeEntry, RangeReader, TopicPartition } from './log.ts';
import { offsetOf } from './offsets.ts';

interface Hole {
  readonly lower: Offset;
  readonly upper: Offset;
}

export interface ConfirmedRangesOptions {
  readonly first: RangeReader;
  readonly other: RangeReader;
  /** Told of what the first reader left out although it is there. */
  readonly onFilled?: (at: TopicPartition, found: readonly RangeEntry[]) => void;
}

export function confirmedRanges({ first, other, onFilled }: ConfirmedRangesOptions): RangeReader {
  /** What both leave out is not asked for at every look. */
  const agreed = new Set<string>();

  async function* fill(
    from: TopicPartition,
    entries: readonly RangeEntry[],
    holes: readonly Hole[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly RangeEntry[]> {
    const doubted = holes.filter((hole) => !agreed.has(nameOf(from, hole)));
    const [lowest, highest] = [doubted[0], doubted.at(-1)];
    if (lowest === undefined || highest === undefined) return yield entries;
    const isDoubted = (offset: Offset): boolean =>
      doubted.some(({ lower, upper }) => offset >= lower && offset < upper);
    const filled = new Set<Hole>();
    let rest = entries;
    for await (const answer of other.read(from, lowest.lower, highest.upper, signal)) {
      const found = answer.filter((entry) => isDoubted(offsetOf(entry)));
      const last = found.at(-1);
      if (last === undefined) continue;
      onFilled?.(from, found);
      for (const hole of doubted) if (found.some((one) => isIn(hole, offsetOf(one)))) filled.add(hole);
      const before = rest.filter((entry) => offsetOf(entry) < offsetOf(last));
      rest = rest.slice(before.length);
      yield [...before, ...found].sort((a, b) => (offsetOf(a) < offsetOf(b) ? -1 : 1));
    }
    for (const hole of doubted) if (!filled.has(hole)) agreed.add(nameOf(from, hole));
    if (rest.length > 0) yield rest;
  }

  return {
    async *read(from, lower, upper, signal) {
      let position = lower;
      for await (const entries of first.read(from, lower, upper, signal)) {
        const holes = holesIn(entries, position);
        const last = entries.at(-1);
        if (last !== undefined) position = offsetOf(last) + 1n;
        yield* fill(from, entries, holes, signal);
      }
      if (position < upper) yield* fill(from, [], [{ lower: position, upper }], signal);
    },
    stop: async () => {
      await Promise.all([first.stop(), other.stop()]);
    },
  };
}

function holesIn(entries: readonly RangeEntry[], from: Offset): readonly Hole[] {
  const holes: Hole[] = [];
  let position = from;
  for (const entry of entries) {
    const offset = offsetOf(entry);
    if (offset > position) holes.push({ lower: position, upper: offset });
    position = offset + 1n;
  }
  return holes;
}

function isIn({ lower, upper }: Hole, offset: Offset): boolean {
  return offset >= lower && offset < upper;
}

function nameOf({ topic, partition }: TopicPartition, { lower, upper }: Hole): string {
  return `${topic}-${partition}@${lower}-${upper}`;
}
