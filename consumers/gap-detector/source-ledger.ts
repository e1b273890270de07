// The stage emitted → received: a source that counts numbers its events densely from 1 per (stream, epoch); a number that is on no
// record, although later ones are, never arrived. Judged are only numbers below one that was received a while ago, at a time up to
// which the gateway has settled everything: what is in flight, or on its way again after a resume, is no gap yet. What the source
// itself has given up is one at once. Pure; the clock is an argument.
import type { Place } from './gateway-ledger.ts';
import { Notes } from './notes.ts';
import { nameOf } from './partition-name.ts';
import { RangeSet } from './ranges.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import type { Finding } from './verdict.ts';

export interface CountedEvent {
  readonly source: string;
  readonly stream: string;
  readonly streamEpoch: string;
  readonly seq: number;
  readonly gatewayEpoch: string;
  readonly receivedAtMs: number;
}

export interface GapWord {
  /** `sampled`: the gateway took these and keeps none of them, on purpose. */
  readonly kind: 'gap_open' | 'gap_closed' | 'gap_lost' | 'sampled';
  readonly source: string;
  readonly stream: string;
  readonly streamEpoch: string;
  /** Inclusive, both. */
  readonly from: number;
  readonly to: number;
}

interface Stream {
  readonly source: string;
  readonly stream: string;
  readonly streamEpoch: string;
  readonly seen: RangeSet;
  /** What the source said that it cannot send again. */
  readonly givenUp: RangeSet;
  /** What is on no record with good reason. */
  readonly excused: RangeSet;
  readonly gatewayEpochs: Set<string>;
  /** First and highest number found, by `topic-partition`. */
  readonly partitions: Map<string, { readonly first: number; highest: number }>;
  /** The highest number of each of the newest spans of time, by the span's number; `settled` is that of all older ones. */
  readonly recent: Map<number, number>;
  settled: number;
}

export interface SourceReport {
  readonly source: string;
  readonly stream: string;
  readonly streamEpoch: string;
  /** The first and the last number that must be there; from infinity up to 0 where all of them may have expired. */
  readonly from: number;
  readonly judgedUpTo: number;
  readonly received: number;
  readonly missing: number;
}

const SPAN_MS = 5_000;
const SPANS_MAX = 24;
/** Beyond, streams are counted and not followed; the stage then says that it is blind. */
const STREAMS_MAX = 50_000;

export class SourceLedger {
  readonly #streams = new Map<string, Stream>();
  /** Events of one stream come one after the other. */
  #last: Stream | undefined;
  readonly #notes = new Notes();
  readonly #rules: Rules;
  /** Events of streams that are not followed. */
  unfollowed = 0;

  constructor(rules: Rules = SOUND_RULES) {
    this.#rules = rules;
  }

  observe(event: CountedEvent, at: Place): void {
    const stream = this.#stream(event);
    if (stream === undefined) {
      this.unfollowed += 1;
      return;
    }
    const { seq, receivedAtMs } = event;
    const name = nameOf(at);
    const before = stream.partitions.get(name);
    this.#noteOrder(event, stream, before?.highest ?? 0, at);
    if (before === undefined) stream.partitions.set(name, { first: seq, highest: seq });
    else before.highest = Math.max(before.highest, seq);
    stream.seen.add(seq, seq + 1);
    reached(stream, seq, event.gatewayEpoch, receivedAtMs);
  }

  /** A gateway says that every number up to this one has come, or was lost by name: so an end that is missing shows too. */
  claim({ seq, gatewayEpoch, receivedAtMs, ...of }: CountedEvent): void {
    const stream = this.#stream(of);
    if (stream !== undefined) reached(stream, seq, gatewayEpoch, receivedAtMs);
  }

  /** What a checkpoint says of a gap; an opened one changes nothing, it is seen anyway. */
  word({ kind, from, to, ...of }: GapWord): void {
    if (kind === 'gap_lost') this.#stream(of)?.givenUp.add(from, to + 1);
    if (kind === 'sampled') this.#stream(of)?.excused.add(from, to + 1);
  }

  /**
   * `settledUntilMs` tells of a gateway epoch up to when everything that it received is settled and read. `logStarts` are by
   * `topic-partition`: where records have expired, the numbers before the first that is left are out of the account.
   */
  judge(
    settledUntilMs: (gatewayEpoch: string) => number,
    logStarts: ReadonlyMap<string, bigint>,
    nowMs: number,
  ): { readonly streams: readonly SourceReport[]; readonly findings: readonly Finding[] } {
    const findings: Finding[] = [];
    const streams = [...this.#streams.values()].map((one) => {
      const untilMs = [...one.gatewayEpochs].reduce(
        (soonest, epoch) => Math.min(soonest, settledUntilMs(epoch)),
        this.#rules.ripeUntilMs(nowMs),
      );
      const from = firstJudged(one, logStarts);
      // Only a number that may still come needs time: what is there, given up or sampled without a gap is judged at once.
      const judgedUpTo = Number.isFinite(from) ? Math.max(highestUntil(one, untilMs), firstOpen(one, from) - 1) : 0;
      let missing = 0;
      for (const gap of gapsOf(one, from, judgedUpTo, this.#rules)) {
        missing += gap.to - gap.from + 1;
        const { source, stream, streamEpoch } = one;
        findings.push({ kind: 'source-gap', stage: 'source-to-gateway', source, stream, streamEpoch, ...gap });
      }
      const { source, stream, streamEpoch } = one;
      return { source, stream, streamEpoch, from, judgedUpTo, received: one.seen.size, missing };
    });
    return { streams, findings: [...findings, ...this.#notes.findings] };
  }

  #noteOrder({ seq, source, stream, streamEpoch }: CountedEvent, { seen }: Stream, highest: number, at: Place): void {
    const place = { topic: at.topic, partition: at.partition, offset: Number(at.offset), from: seq, to: seq };
    const about = { stage: 'source-to-gateway', source, stream, streamEpoch, ...place } as const;
    if (this.#rules.isRepeated(seen.has(seq)))
      this.#notes.add({
        kind: 'duplicate',
        ...about,
        detail: 'the source sent this number again, and both are on the log',
      });
    else if (this.#rules.isReordered(seq, highest))
      this.#notes.add({ kind: 'reordered', ...about, detail: `the event lies behind number ${highest} of its stream` });
  }

  #stream({
    source,
    stream,
    streamEpoch,
  }: Pick<CountedEvent, 'source' | 'stream' | 'streamEpoch'>): Stream | undefined {
    const last = this.#last;
    if (last?.streamEpoch === streamEpoch && last.stream === stream && last.source === source) return last;
    const key = JSON.stringify([source, stream, streamEpoch]);
    const known = this.#streams.get(key);
    this.#last = known;
    if (known !== undefined || this.#streams.size >= STREAMS_MAX) return known;
    const fresh: Stream = {
      ...{
        source,
        stream,
        streamEpoch,
        seen: new RangeSet(),
        givenUp: new RangeSet(),
        excused: new RangeSet(),
        gatewayEpochs: new Set(),
      },
      ...{ partitions: new Map(), recent: new Map(), settled: 0 },
    };
    this.#streams.set(key, fresh);
    this.#last = fresh;
    return fresh;
  }
}

function reached(stream: Stream, seq: number, gatewayEpoch: string, atMs: number): void {
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

function firstJudged({ partitions }: Stream, logStarts: ReadonlyMap<string, bigint>): number {
  const expired = [...logStarts].filter(([, start]) => start > 0n).map(([name]) => partitions.get(name)?.first);
  if (expired.length === 0) return 1;
  // In a partition that has forgotten something and holds nothing of the stream, all of the stream may have been.
  if (expired.includes(undefined)) return Number.POSITIVE_INFINITY;
  return expired.reduce<number>((a, b) => Math.max(a, b ?? 0), 1);
}

type Gap = Required<Pick<Finding, 'from' | 'to' | 'detail'>>;

function gapsOf({ seen, givenUp, excused }: Stream, from: number, judgedUpTo: number, rules: Rules): readonly Gap[] {
  if (!Number.isFinite(from)) return [];
  const upTo = rules.lastJudged(judgedUpTo);
  const unexcused = seen.missing(from, upTo + 1).flatMap(({ lower, upper }) => excused.missing(lower, upper));
  return unexcused.map(({ lower, upper }) => {
    const isGivenUp = givenUp.missing(lower, upper).length === 0;
    const detail = isGivenUp
      ? 'the source has given these numbers up: it cannot send them again'
      : 'later numbers of the stream are on the log, these never arrived';
    return { from: lower, to: upper - 1, detail };
  });
}
