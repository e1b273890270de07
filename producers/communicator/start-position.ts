// Where a receiver begins in the outgoing topic: where it says that it was, where it was saved to be, or now. What a position
// promises that the log cannot keep is said to be lost; whatever the log still has is delivered all the same. A position is told
// and saved whole, of every partition there was: one that it does not have was added since, and nothing of that was had.
import { offsetToJson } from '../../kafka/offsets.ts';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Position } from '../../schemas/protocol/frames.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Vector } from './cursor.ts';
import type { OutgoingEnds } from './outgoing-ends.ts';

export interface Resume {
  readonly log_epoch: string;
  readonly pos: Position;
}

export interface StartPosition {
  readonly start: Vector;
  /** Why not everything from the position on can be delivered. */
  readonly lost?: string;
}

/** Of a peer that keeps its position itself. `ends` is asked only for a position that is not now. */
export async function resumedPosition(
  { log_epoch, pos }: Resume,
  now: Vector,
  logEpoch: string,
  ends: OutgoingEnds,
): Promise<StartPosition> {
  if (log_epoch !== logEpoch) return { start: now, lost: 'the position is of another log' };
  const wanted = new Map<number, bigint>();
  for (const partition of now.keys()) {
    const next = pos[`${TOPIC.outgoing}/${partition}`];
    if (next !== undefined) wanted.set(partition, BigInt(next));
  }
  const found = await withinLog(wanted, now, ends);
  const behind = [...found.start].reduce((sum, [partition, next]) => sum + distance(next, now.get(partition)), 0n);
  if (behind <= BigInt(PROTOCOL_LIMITS.resume)) return found;
  return { start: now, lost: `more than ${PROTOCOL_LIMITS.resume} records behind` };
}

/** The position, or as near to it as the log goes. */
export async function withinLog(wanted: Vector, now: Vector, ends: OutgoingEnds): Promise<StartPosition> {
  const all = new Set([...wanted.keys(), ...now.keys()]);
  const elsewhere = [...all].filter((partition) => wanted.get(partition) !== now.get(partition));
  if (elsewhere.length === 0) return { start: wanted };
  const known = await ends(elsewhere);
  const start = new Map(wanted);
  for (const partition of now.keys()) {
    if (!wanted.has(partition)) start.set(partition, known.get(partition)?.logStart ?? 0n);
  }
  let lost: string | undefined;
  for (const [partition, next] of wanted) {
    const end = known.get(partition);
    if (end === undefined) {
      // Nobody can say whether the log has come so far: what comes twice is better than what does not come.
      const tail = now.get(partition);
      if (tail !== undefined && next > tail) start.set(partition, tail);
      continue;
    }
    if (next < end.logStart) lost = 'the position is older than the log';
    else if (next > end.highWatermark) lost = 'the position is beyond the log';
    else continue;
    start.set(partition, next < end.logStart ? end.logStart : end.highWatermark);
  }
  return lost === undefined ? { start } : { start, lost };
}

/** A vector as peers know it. */
export function positionOf(vector: Vector): Position {
  return Object.fromEntries(
    [...vector].map(([partition, next]) => [`${TOPIC.outgoing}/${partition}`, offsetToJson(next)]),
  );
}

function distance(next: bigint, end: bigint | undefined): bigint {
  return end !== undefined && end > next ? end - next : 0n;
}
