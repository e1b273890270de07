// The stage emitted → received: a source that counts numbers its events densely from 1 per (stream, epoch); a number that is on no
// record, although later ones are, never arrived. Judged are only numbers below one that was received a while ago, at a time up to
// which the gateway has settled everything: what is in flight, or on its way again after a resume, is no gap yet. What the source
// itself has given up is one at once. Pure; the clock is an argument.
import type { Place } from './gateway-ledger.ts';
import { Notes } from './notes.ts';
import { nameOf } from './partition-name.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import type { SettledUntil } from './settled-until.ts';
import type { Forgotten } from './sightings.ts';
import {
  gapsOf,
  judgedUpTo,
  lostBelow,
  newStream,
  reached,
  type Stream,
  type StreamName,
  settledUntilMs,
} from './source-stream.ts';
import type { Finding } from './verdict.ts';

export interface CountedEvent extends StreamName {
  readonly seq: number;
  readonly gatewayEpoch: string;
  readonly receivedAtMs: number;
}

export interface GapWord extends StreamName {
  /** `sampled`: the gateway took these and keeps none of them, on purpose. */
  readonly kind: 'gap_open' | 'gap_closed' | 'gap_lost' | 'sampled';
  /** Inclusive, both. */
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
}

export interface SourceReport extends StreamName {
  /** The first and the last number that must be there; from infinity up to 0 where all of them may have expired. */
  readonly from: number;
  readonly judgedUpTo: number;
  readonly received: number;
  readonly missing: number;
  /** Missing ones below `from`, which the gateway itself says are lost. */
  readonly lostBelow?: number;
  /**
   * Why none of its numbers must be there. `old`: all that is left of it was received when something was that has expired since.
   * `blind`: some was received later, and still nobody can say from which number on all are there.
   */
  readonly unjudged?: 'old' | 'blind';
}

/** Beyond, streams are counted and not followed; the stage then says that it is blind. */
const STREAMS_MAX = 50_000;

export class SourceLedger {
  readonly #streams = new Map<string, Stream>();
  /** Events of one stream come one after the other. */
  #last: Stream | undefined;
  readonly #notes = new Notes();
  readonly #rules: Rules;
  /** Where the log began when it was judged last. */
  #starts: ReadonlyMap<string, bigint> | undefined;
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
    const before = stream.highest.get(name) ?? 0;
    this.#noteOrder(event, stream, before, at);
    if (seq > before) stream.highest.set(name, seq);
    stream.seen.add(seq, seq + 1);
    stream.sightings.seen(seq, receivedAtMs, name);
    reached(stream, seq, event.gatewayEpoch, receivedAtMs);
  }

  /** A gateway says that every number up to this one has come, or was lost by name: so an end that is missing shows too. */
  claim({ seq, gatewayEpoch, receivedAtMs, ...of }: CountedEvent): void {
    const stream = this.#stream(of);
    if (stream !== undefined) reached(stream, seq, gatewayEpoch, receivedAtMs);
  }

  /** What a checkpoint says of a gap. */
  word({ kind, from, to, atMs, ...of }: GapWord): void {
    const stream = kind === 'gap_closed' ? undefined : this.#stream(of);
    if (stream === undefined) return;
    if (kind === 'gap_open') stream.sightings.opened(from, to, atMs);
    if (kind === 'sampled') stream.excused.add(from, to + 1);
    if (kind !== 'gap_lost') return;
    stream.givenUp.add(from, to + 1);
    stream.lost.push({ from, to, atMs });
  }

  /**
   * `settledUntil` tells of a gateway epoch up to when everything that it received is settled and read; it is asked once for each. Where
   * the log has forgotten something, numbers that may have been part of it are out of the account; not so what the gateway says is lost.
   */
  judge(
    settledUntil: (gatewayEpoch: string) => SettledUntil,
    forgotten: Forgotten,
    nowMs: number,
  ): { readonly streams: readonly SourceReport[]; readonly findings: readonly Finding[] } {
    this.#noteForgotten(forgotten);
    const ripeMs = this.#rules.ripeUntilMs(nowMs);
    const settled = onceEach(settledUntil);
    const findings: Finding[] = [];
    const streams = [...this.#streams.values()].map((one): SourceReport => {
      const from = one.sightings.judgedFrom(forgotten, ripeMs);
      const upTo = judgedUpTo(one, from, settledUntilMs(one, settled, ripeMs));
      const { source, stream, streamEpoch } = one;
      const name = { source, stream, streamEpoch };
      const [below, gaps] = [lostBelow(one, from, forgotten), gapsOf(one, from, upTo, this.#rules)];
      for (const gap of [...below, ...gaps])
        findings.push({ kind: 'source-gap', stage: 'source-to-gateway', ...name, ...gap });
      const unjudged = Number.isFinite(from) ? undefined : one.sightings.unjudgedAs(forgotten, ripeMs);
      return {
        ...{ ...name, from, judgedUpTo: upTo, received: one.seen.size, missing: countOf(gaps) },
        ...(below.length > 0 && { lostBelow: countOf(below) }),
        ...(unjudged !== undefined && { unjudged }),
      };
    });
    return { streams, findings: [...findings, ...this.#notes.findings] };
  }

  /** Where the reading has jumped over what expired meanwhile, what was read before it proves nothing of what came behind. */
  #noteForgotten({ starts }: Forgotten): void {
    const before = this.#starts;
    this.#starts = starts;
    if (before === undefined) return;
    const moved = [...starts].filter(([name, start]) => before.get(name) !== start).map(([name]) => name);
    if (moved.length > 0) for (const { sightings } of this.#streams.values()) sightings.moved(moved);
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

  #stream({ source, stream, streamEpoch }: StreamName): Stream | undefined {
    const last = this.#last;
    if (last?.streamEpoch === streamEpoch && last.stream === stream && last.source === source) return last;
    const key = JSON.stringify([source, stream, streamEpoch]);
    const known = this.#streams.get(key);
    this.#last = known;
    if (known !== undefined || this.#streams.size >= STREAMS_MAX) return known;
    const fresh = newStream({ source, stream, streamEpoch });
    this.#streams.set(key, fresh);
    this.#last = fresh;
    return fresh;
  }
}

/** Thousands of streams are of the same few epochs. */
function onceEach<T>(ask: (name: string) => T): (name: string) => T {
  const answers = new Map<string, T>();
  return (name) => {
    const known = answers.get(name);
    if (known !== undefined) return known;
    const answer = ask(name);
    answers.set(name, answer);
    return answer;
  };
}

function countOf(gaps: readonly { readonly from: number; readonly to: number }[]): number {
  return gaps.reduce((sum, { from, to }) => sum + (to - from + 1), 0);
}
