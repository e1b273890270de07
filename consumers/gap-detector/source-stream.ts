// One life of a source's counter: which of its numbers are on the log, which were given up, which are on no record with good reason,
// and what of them can be judged. As large as its gaps, however far apart its numbers are. Pure.
import { Intervals, type Range } from './intervals.ts';
import { RangeSet } from './ranges.ts';
import type { Rules } from './rules.ts';
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
  readonly gatewayEpochs: Set<string>;
  /** Highest number found, by `topic-partition`. */
  readonly highest: Map<string, number>;
  /** The highest number of each of the newest spans of time, by the span's number; `settled` is that of all older ones. */
  readonly recent: Map<number, number>;
  settled: number;
}

export type Gap = Required<Pick<Finding, 'from' | 'to' | 'detail'>>;

const SPAN_MS = 5_000;
const SPANS_MAX = 24;
const GIVEN_UP = 'the source has given these numbers up: it cannot send them again';
const NEVER_ARRIVED = 'later numbers of the stream are on the log, these never arrived';

export function newStream({ source, stream, streamEpoch }: StreamName): Stream {
  const name = { source, stream, streamEpoch };
  const sets = { seen: new RangeSet(), givenUp: new Intervals(), excused: new Intervals() };
  const seen = { sightings: new Sightings(), gatewayEpochs: new Set<string>(), highest: new Map<string, number>() };
  return { ...name, ...sets, ...seen, lost: [], recent: new Map(), settled: 0 };
}

export function reached(stream: Stream, seq: number, gatewayEpoch: string, atMs: number): void {
  stream.gatewayEpochs.add(gatewayEpoch);
  const span = Math.floor(atMs / SPAN_MS);
  stream.recent.set(span, Math.max(stream.recent.get(span) ?? 0, seq));
  if (stream.recent.size > SPANS_MAX) settleOldest(stream);
}

function settleOldest(stream: Stream): void {
  const oldest = [...stream.recent.keys()].reduce((a, b) => Math.min(a, b));
  stream.settled = Math.max(stream.settled, stream.recent.get(oldest) ?? 0);
  stream.recent.delete(oldest);
}

/** The last number that is judged, of those from `from` on: only one that may still come needs time. */
export function judgedUpTo(stream: Stream, from: number, untilMs: number): number {
  return Number.isFinite(from) ? Math.max(highestUntil(stream, untilMs), firstOpen(stream, from) - 1) : 0;
}

/** The highest number that was received before a time; a span counts when it was over by then. */
function highestUntil({ recent, settled }: Stream, untilMs: number): number {
  return [...recent]
    .filter(([span]) => (span + 1) * SPAN_MS <= untilMs)
    .reduce((highest, [, seq]) => Math.max(highest, seq), settled);
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
