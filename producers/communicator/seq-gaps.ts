// The numbers of one stream's epoch that are missing, and the gaps that they were missed in: asked for again, filled, given up,
// told once. Bounded, for a peer can make as many as it likes. Pure; the clock is an argument.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { firstWhere } from '../../service/first-where.ts';

/** Inclusive, as the protocol has them. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

interface Gap {
  readonly from: number;
  to: number;
  /** When it opened, or when the first of its missing numbers last came: who still sends it has not lost it. */
  openedMs: number;
  /** When any of its numbers last came and was refused. */
  heardMs: number;
  /** Up to where it has been asked for again, and when. */
  askedUpTo: number;
  askedMs: number;
  /** Its numbers that are neither settled nor lost. */
  unsettled: number;
  /** What is still to be said of it, as long as it has lost nothing; of what was refused, and is no gap to anybody, nothing. */
  toTell: 'opened' | 'closed' | 'nothing';
}

export const GAPS_MAX = PROTOCOL_LIMITS.gaps;
const ASK_AGAIN_MS = 5_000;

export class Gaps {
  /** Sorted, disjoint: not arrived and not given up. */
  #missing: SeqRange[] = [];
  /** Sorted, disjoint: with a number that is missing or on its way. */
  readonly #gaps: Gap[] = [];
  #closed: SeqRange[] = [];
  /** How many are still to be told to be open. */
  #untold = 0;

  get missing(): readonly SeqRange[] {
    return this.#missing;
  }

  get isFull(): boolean {
    return this.#missing.length >= GAPS_MAX || this.#gaps.length >= GAPS_MAX;
  }

  /** Whether taking this range out would leave something missing on both sides of it. */
  isInside({ from, to }: SeqRange): boolean {
    const range = this.#missing[lastFrom(this.#missing, from)];
    return range !== undefined && range.from < from && from <= range.to && to < range.to;
  }

  /** Above all that is known. */
  open(range: SeqRange, nowMs: number): void {
    this.#missing.push(range);
    this.#gaps.push({ ...gapOf(range, nowMs), askedUpTo: range.from - 1, askedMs: 0, toTell: 'opened' });
    this.#untold += 1;
  }

  /** The first below this number that is to be told to be open; from now on it counts as told. */
  takeOpened(seq: number): SeqRange | undefined {
    if (this.#untold === 0) return undefined;
    const gap = this.#gaps.find(({ toTell, to }) => toTell === 'opened' && to < seq);
    if (gap === undefined) return undefined;
    this.#tell(gap, 'closed');
    return { from: gap.from, to: gap.to };
  }

  isMissing(seq: number): boolean {
    const range = this.#missing[lastFrom(this.#missing, seq)];
    return range !== undefined && seq <= range.to;
  }

  /** Whether it was missing; it is on its way now. */
  take(seq: number, nowMs: number): boolean {
    const index = lastFrom(this.#missing, seq);
    const range = this.#missing[index];
    if (range === undefined || seq > range.to) return false;
    this.#moves(this.#gaps[lastFrom(this.#gaps, seq)], seq, nowMs);
    const parts: SeqRange[] = [];
    if (range.from < seq) parts.push({ from: range.from, to: seq - 1 });
    if (seq < range.to) parts.push({ from: seq + 1, to: range.to });
    this.#missing.splice(index, 1, ...parts);
    return true;
  }

  settled(seq: number): void {
    if (this.#gaps.length === 0) return;
    const index = lastFrom(this.#gaps, seq);
    const gap = this.#gaps[index];
    if (gap !== undefined && seq <= gap.to) this.#less(index, 1);
  }

  /** It was on its way, and is missing again; the peer was told to send it in `waitMs`. */
  putBack(seq: number, nowMs: number, waitMs = 0): void {
    const index = lastFrom(this.#missing, seq);
    const before = this.#missing[index];
    const after = this.#missing[index + 1];
    const isAfter = before?.to === seq - 1;
    const isBefore = after?.from === seq + 1;
    const merged = { from: isAfter ? before.from : seq, to: isBefore ? after.to : seq };
    this.#missing.splice(isAfter ? index : index + 1, Number(isAfter) + Number(isBefore), merged);
    const at = lastFrom(this.#gaps, seq);
    const gap = this.#gaps[at];
    // The peer was told to send it again itself: it is asked only when it does not.
    const askedMs = nowMs + waitMs;
    if (gap !== undefined && seq <= gap.to) {
      gap.heardMs = nowMs;
      if (this.#moves(gap, seq, nowMs)) Object.assign(gap, { askedUpTo: Math.max(gap.askedUpTo, seq), askedMs });
      return;
    }
    // One refused after the other is one gap, and as old as its first: those behind that wait for it.
    if (gap !== undefined && gap.toTell === 'nothing' && gap.to === seq - 1) {
      Object.assign(gap, { to: seq, unsettled: gap.unsettled + 1, askedUpTo: seq, heardMs: nowMs });
      if (this.#moves(gap, seq, nowMs)) gap.askedMs = askedMs;
      return;
    }
    const range = { from: seq, to: seq };
    this.#gaps.splice(at + 1, 0, { ...gapOf(range, nowMs), askedUpTo: seq, askedMs, toTell: 'nothing' });
  }

  /** Which of these were missing; they are lost. */
  giveUp({ from, to }: SeqRange): readonly SeqRange[] {
    const lost: SeqRange[] = [];
    const kept: SeqRange[] = [];
    for (const range of this.#missing) {
      const lower = Math.max(range.from, from);
      const upper = Math.min(range.to, to);
      if (lower > upper) {
        kept.push(range);
        continue;
      }
      lost.push({ from: lower, to: upper });
      if (range.from < lower) kept.push({ from: range.from, to: lower - 1 });
      if (range.to > upper) kept.push({ from: upper + 1, to: range.to });
    }
    if (lost.length === 0) return lost;
    this.#missing = kept;
    for (let index = this.#gaps.length - 1; index >= 0; index -= 1) this.#lose(index, lost);
    return lost;
  }

  toAsk(limit: number, nowMs: number): readonly SeqRange[] {
    const asked: SeqRange[] = [];
    let at = 0;
    for (const gap of this.#gaps) {
      while ((this.#missing[at]?.to ?? Number.POSITIVE_INFINITY) < gap.from) at += 1;
      const next = this.#missing[at];
      if (next === undefined) break;
      if (next.from > gap.to) continue;
      const from = Math.max(next.from, gap.from);
      const isAsked = from <= gap.askedUpTo;
      if (isAsked && nowMs - gap.askedMs < ASK_AGAIN_MS) continue;
      const to = Math.min(next.to, gap.to, from + limit - 1);
      gap.askedUpTo = to;
      gap.askedMs = nowMs;
      asked.push({ from, to });
    }
    return asked;
  }

  /** What has been missing for longer than `gapMs`: of numbers that came and were refused since then the first alone, which the others wait for. */
  overdue(nowMs: number, gapMs: number): readonly SeqRange[] {
    return this.#gaps.flatMap((gap) => {
      if (nowMs - gap.openedMs < gapMs) return [];
      gap.openedMs = nowMs;
      const from = this.#firstOf(gap) ?? gap.from;
      return { from, to: nowMs - gap.heardMs >= gapMs ? gap.to : from };
    });
  }

  postpone(ms: number): void {
    for (const gap of this.#gaps) {
      gap.openedMs += ms;
      gap.heardMs += ms;
    }
  }

  takeClosed(): readonly SeqRange[] {
    if (this.#closed.length === 0) return this.#closed;
    const closed = this.#closed;
    this.#closed = [];
    return closed;
  }

  /** Whether the number is the first of the gap that is missing; the gap is young again then. */
  #moves(gap: Gap | undefined, seq: number, nowMs: number): boolean {
    if (gap === undefined || seq > gap.to || this.#firstOf(gap) !== seq) return false;
    gap.openedMs = nowMs;
    return true;
  }

  #firstOf({ from }: Gap): number | undefined {
    const at = lastFrom(this.#missing, from);
    const inside = this.#missing[at];
    return inside !== undefined && inside.to >= from ? from : this.#missing[at + 1]?.from;
  }

  #lose(index: number, lost: readonly SeqRange[]): void {
    const gap = this.#gaps[index];
    if (gap === undefined) return;
    let count = 0;
    for (const { from, to } of lost) count += Math.max(0, Math.min(gap.to, to) - Math.max(gap.from, from) + 1);
    if (count === 0) return;
    this.#tell(gap, 'nothing');
    this.#less(index, count);
  }

  #tell(gap: Gap, next: Gap['toTell']): void {
    if (gap.toTell === 'opened') this.#untold -= 1;
    gap.toTell = next;
  }

  #less(index: number, count: number): void {
    const gap = this.#gaps[index] as Gap;
    gap.unsettled -= count;
    if (gap.unsettled > 0) return;
    this.#gaps.splice(index, 1);
    if (gap.toTell === 'closed') this.#closed.push({ from: gap.from, to: gap.to });
    this.#tell(gap, 'nothing');
  }
}

function gapOf(
  { from, to }: SeqRange,
  openedMs: number,
): Pick<Gap, 'from' | 'to' | 'openedMs' | 'heardMs' | 'unsettled'> {
  return { from, to, openedMs, heardMs: openedMs, unsettled: to - from + 1 };
}

/** Of sorted ranges: the index of the last that begins at or below the number, -1 for none. */
function lastFrom(ranges: readonly SeqRange[], seq: number): number {
  return firstWhere(ranges, ({ from }) => from > seq) - 1;
}
