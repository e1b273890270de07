// One life of a source's counter: which of its numbers are on the log, which were given up, which are on no record with good reason,
// and what of them can be judged. As large as its gaps, however far apart its numbers are. Pure.
import { Intervals, type Range } from './intervals.ts';
import { RangeSet } from './ranges.ts';
import type { Rules } from './rules.ts';
import type { SettledUntil } from './settled-until.ts';
import { type Forgotten, Sightings } from './sightings.ts';
import type { Finding } from './verdict.ts';

export interface StreamName {
  readonly source: string;
  readonly stream: string;
  readonly streamEpoch: string;
}

export interface Stream extends StreamName {
  readonly seen: RangeSet;
  /** What the gateway says will not come any more. */
  readonly givenUp: Intervals;
  /** The same by the words, in the order of the log. */
  readonly lost: { readonly from: number; readonly to: number; readonly atMs: number }[];
  /** What is on no record with good reason. */
  readonly excused: Intervals;
  readonly sightings: Sightings;
  /** The highest number that each gateway epoch had of it. */
  readonly epochs: Map<string, number>;
  /** Highest number found, by `topic-partition`. */
  readonly highest: Map<string, number>;
  /** The highest number of each span of time that is not judged yet, by the span's number. */
  readonly spans: Map<number, number>;
  /** The highest one of all that was received before the latest time up to which it was judged. */
  judged: number;
}

export type Gap = Required<Pick<Finding, 'from' | 'to' | 'detail'>>;

const SPAN_MS = 5_000;
const SPANS_MAX = 32;
const SPANS_KEPT = 24;
const GIVEN_UP = 'the source has given these numbers up: it cannot send them again';
const NEVER_ARRIVED = 'later numbers of the stream are on the log, these never arrived';

export function newStream({ source, stream, streamEpoch }: StreamName): Stream {
  const name = { source, stream, streamEpoch };
  const sets = { seen: new RangeSet(), givenUp: new Intervals(), excused: new Intervals() };
  const seen = { sightings: new Sightings(), epochs: new Map<string, number>(), highest: new Map<string, number>() };
  return { ...name, ...sets, ...seen, lost: [], spans: new Map(), judged: 0 };
}

export function reached({ epochs, spans }: Stream, seq: number, gatewayEpoch: string, atMs: number): void {
  epochs.set(gatewayEpoch, Math.max(epochs.get(gatewayEpoch) ?? 0, seq));
  const span = Math.floor(atMs / SPAN_MS);
  spans.set(span, Math.max(spans.get(span) ?? 0, seq));
  if (spans.size > SPANS_MAX) mergeSome(spans);
}

/**
 * Numbers of one span become as late as the next one: what waits at a gateway may keep the judgement at a time of long ago, and none that
 * came after it may slip below that. The spans become wider with their age, for then a little more patience does not matter. Some at once:
 * partitions are read one after the other, and the span that an event of another one fills again should be there for those behind it.
 */
function mergeSome(spans: Map<number, number>): void {
  const ascending = [...spans.keys()].sort((a, b) => a - b);
  const newest = ascending.at(-1) ?? 0;
  while (ascending.length > SPANS_KEPT) {
    let merged = { index: 0, span: 0, into: 0, cost: Number.POSITIVE_INFINITY };
    for (const [index, span] of ascending.entries()) {
      const [before, into] = [ascending[index - 1], ascending[index + 1]];
      if (before === undefined || into === undefined) continue;
      const cost = (into - before) / (newest - into + 1);
      if (cost < merged.cost) merged = { index, span, into, cost };
    }
    const { index, span, into } = merged;
    spans.set(into, Math.max(spans.get(span) ?? 0, spans.get(into) ?? 0));
    spans.delete(span);
    ascending.splice(index, 1);
  }
}

/**
 * Up to when all that was received of a stream is settled and read. An epoch that ended with frames in flight tells nothing of what it had
 * received last, until somebody has received a number beyond all of its own: sources send again in order what was not settled.
 */
export function settledUntilMs(
  stream: Stream,
  settledUntil: (gatewayEpoch: string) => SettledUntil,
  ripeMs: number,
): number {
  let untilMs = ripeMs;
  const open: { readonly untilMs: number; readonly highest: number }[] = [];
  for (const [epoch, highest] of stream.epochs) {
    const settled = settledUntil(epoch);
    if (settled.isOpenEnded) open.push({ untilMs: settled.untilMs, highest });
    else untilMs = Math.min(untilMs, settled.untilMs);
  }
  for (const one of open.sort((a, b) => b.highest - a.highest)) {
    if (highestUntil(stream, untilMs) > one.highest) break;
    untilMs = Math.min(untilMs, one.untilMs);
  }
  return untilMs;
}

/** The last number that is judged, of those from `from` on: only one that may still come needs time. */
export function judgedUpTo(stream: Stream, from: number, untilMs: number): number {
  stream.judged = highestUntil(stream, untilMs);
  for (const span of stream.spans.keys()) if (isOver(span, untilMs)) stream.spans.delete(span);
  return Number.isFinite(from) ? Math.max(stream.judged, firstOpen(stream, from) - 1) : 0;
}

/** The highest number that was received before a time, as far as a span of it was over by then. */
function highestUntil({ spans, judged }: Stream, untilMs: number): number {
  return [...spans].reduce(
    (highest, [span, seq]) => (isOver(span, untilMs) ? Math.max(highest, seq) : highest),
    judged,
  );
}

function isOver(span: number, untilMs: number): boolean {
  return (span + 1) * SPAN_MS <= untilMs;
}

/** The lowest number from `from` on of which nothing is known yet. */
function firstOpen({ seen, givenUp, excused }: Stream, from: number): number {
  for (let number = from; ; ) {
    const next = [seen, givenUp, excused].reduce((reached, set) => set.firstMissing(reached), number);
    if (next === number) return number;
    number = next;
  }
}

export function gapsOf(stream: Stream, from: number, upTo: number, rules: Rules): readonly Gap[] {
  if (!Number.isFinite(from)) return [];
  return unexplained(stream, from, rules.lastJudged(upTo) + 1).map((range) => {
    const isGivenUp = stream.givenUp.missing(range.lower, range.upper).length === 0;
    return gapOf(range, isGivenUp ? GIVEN_UP : NEVER_ARRIVED);
  });
}

/**
 * What the gateway says is lost of the numbers below the first one that is judged. A word of before the log's own memory is left out: a
 * number that came after all may have expired since, and the audits of then have it on their books.
 */
export function lostBelow(stream: Stream, from: number, { untilMs }: Forgotten): readonly Gap[] {
  const said = new Intervals();
  if (from === 1) return [];
  for (const one of stream.lost) {
    const isOld = Number.isFinite(untilMs) && one.atMs <= untilMs;
    if (!isOld) said.add(one.from, Math.min(one.to + 1, from));
  }
  return said
    .within(1, Number.MAX_SAFE_INTEGER)
    .flatMap(({ lower, upper }) => unexplained(stream, lower, upper))
    .map((range) => gapOf(range, GIVEN_UP));
}

function unexplained({ seen, excused }: Stream, lower: number, upper: number): readonly Range[] {
  return seen.missing(lower, upper).flatMap((range) => excused.missing(range.lower, range.upper));
}

function gapOf({ lower, upper }: Range, detail: string): Gap {
  return { from: lower, to: upper - 1, detail };
}
