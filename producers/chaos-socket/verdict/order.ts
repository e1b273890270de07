// Order: what one connection carried of one chat must lie on the log in the order in which it was sent. Pure.
import type { ExportedRow } from './exported-row.ts';
import type { SentGroup } from './sent-frames.ts';
import type { Deviation } from './verdict.ts';

interface Placed {
  readonly group: SentGroup;
  readonly n: number;
  readonly offset: number;
}

/** One deviation for each row that lies behind a later one. A frame that was sent several times is not judged. */
export function* findReordered(found: ReadonlyMap<SentGroup, readonly ExportedRow[]>): Iterable<Deviation> {
  const lanes = new Map<string, Placed[]>();
  for (const [group, rows] of found) {
    const [sending, again] = group.sendings;
    const [row] = rows;
    if (sending === undefined || again !== undefined || row === undefined || group.chat === undefined) continue;
    const lane = JSON.stringify([sending.connectionId, row.partition, group.chat]);
    const placed = { group, n: sending.n, offset: row.offset };
    const others = lanes.get(lane);
    if (others === undefined) lanes.set(lane, [placed]);
    else others.push(placed);
  }
  for (const lane of lanes.values()) {
    let latest = 0;
    for (const { group, n, offset } of lane.toSorted((a, b) => a.offset - b.offset)) {
      if (n > latest) latest = n;
      else {
        const { source, id, sha256 } = group;
        const detail = `frame ${n} lies at offset ${offset}, behind frame ${latest}`;
        yield { kind: 'reordered', source, id, sha256, detail, explanation: undefined };
      }
    }
  }
}
