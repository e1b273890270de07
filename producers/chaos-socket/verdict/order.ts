// Order: what one connection carried of one chat must lie on the log in the order in which it was sent. Pure.
import type { Findings } from './findings.ts';
import type { FrameTable } from './frame-table.ts';
import type { StoredRows } from './stored-rows.ts';

/** One deviation for each row that lies behind a later one. A frame that was sent several times is not judged. */
export function findReordered(frames: FrameTable, rows: StoredRows, findings: Findings): void {
  const lane = new Uint32Array(frames.groups);
  const judged = inLanes(frames, rows, lane).sort(
    (a, b) => (lane[a] ?? 0) - (lane[b] ?? 0) || rows.placeOf(a).offset - rows.placeOf(b).offset,
  );
  let current = -1;
  let latest = 0;
  for (const group of judged) {
    if (lane[group] !== current) {
      current = lane[group] ?? 0;
      latest = 0;
    }
    const { n } = frames.onlySending(group) ?? { n: 0 };
    if (n > latest) {
      latest = n;
      continue;
    }
    const ahead = latest;
    findings.add('reordered', undefined, () => ({
      ...frames.about(group),
      detail: `frame ${n} lies at offset ${rows.placeOf(group).offset}, behind frame ${ahead}`,
    }));
  }
}

/** The frames that can be judged; those of one connection, partition and chat get the same number in `lane`. */
function inLanes(frames: FrameTable, rows: StoredRows, lane: Uint32Array): Uint32Array {
  const numbers = new Map<string, number>();
  const judged = new Uint32Array(frames.groups);
  let count = 0;
  for (let group = 0; group < frames.groups; group++) {
    const sending = frames.onlySending(group);
    const chat = frames.chatOf(group);
    if (sending === undefined || chat === undefined || rows.of(group) === 0) continue;
    const name = `${sending.connection} ${rows.placeOf(group).partition} ${chat}`;
    let number = numbers.get(name);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(name, number);
    }
    lane[group] = number;
    judged[count++] = group;
  }
  return judged.subarray(0, count);
}
