// What the audit has read of the log so far: digests of the incoming events, the gateway's numbers from incoming and rejected
// frames, checkpoints of the sources. Whatever way entries arrive (a bounded read, a consumer group, a read-again after a
// restart), each offset is taken once.
import type { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, TopicPartition } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import type { RejectedFrame } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Envelope } from './event-view.ts';
import { claimOf, gapWordOf } from './gap-word.ts';
import { GatewayLedger, type Place } from './gateway-ledger.ts';
import { LogDigest } from './log-digest.ts';
import { type Observed, observeAll } from './log-side.ts';
import { Notes } from './notes.ts';
import { nameOf } from './partition-name.ts';
import { type Rules, SOUND_RULES } from './rules.ts';
import { SourceLedger } from './source-ledger.ts';
import { Timeline } from './timeline.ts';
import type { Finding } from './verdict.ts';

/** The topics that are audited, by what they are to this system; the drill has some of its own. */
export type AuditedTopics = Readonly<Record<'incoming' | 'rejected' | 'sources', string>>;

export const SYSTEM_TOPICS: AuditedTopics = {
  incoming: TOPIC.incoming,
  rejected: TOPIC.rejected,
  sources: TOPIC.sources,
};

export interface AuditedLogOptions {
  readonly topics?: AuditedTopics;
  readonly rules?: Rules;
  /** Leaves the derived columns out: two thirds of the work. */
  readonly isContentOnly?: boolean;
}

/** Entries that are decoded at once. */
const SLICE = 512;

export class AuditedLog {
  readonly gateway: GatewayLedger;
  readonly sources: SourceLedger;
  readonly timeline = new Timeline();
  readonly #codec: Codec;
  readonly #topics: AuditedTopics;
  readonly #options: Omit<AuditedLogOptions, 'topics'>;
  readonly #digests = new Map<number, LogDigest>();
  readonly #positions = new Map<string, bigint>();
  /** The highest leader epoch seen so far, by `topic-partition`. */
  readonly #leaderEpochs = new Map<string, number>();
  readonly #notes = new Notes();
  /** Records of the audit's own evidence (rejected, sources) that did not decode. */
  unreadable = 0;

  constructor(codec: Codec, { topics = SYSTEM_TOPICS, ...options }: AuditedLogOptions = {}) {
    const { rules = SOUND_RULES } = options;
    this.#codec = codec;
    this.#topics = topics;
    this.#options = options;
    this.gateway = new GatewayLedger(rules);
    this.sources = new SourceLedger(rules);
  }

  /** Next offset to take, by `topic-partition`. */
  get positions(): ReadonlyMap<string, bigint> {
    return this.#positions;
  }

  /** What the records themselves show to be wrong, whatever is in the rows. */
  get findings(): readonly Finding[] {
    return this.#notes.findings;
  }

  digest(partition: number): LogDigest | undefined {
    return this.#digests.get(partition);
  }

  /** Begins a partition at its log start offset; must be called before anything is taken from it. */
  begin(at: TopicPartition, logStart: bigint): void {
    this.#positions.set(nameOf(at), logStart);
    if (at.topic === this.#topics.incoming) this.#digests.set(at.partition, new LogDigest(logStart));
  }

  position(at: TopicPartition): bigint {
    const position = this.#positions.get(nameOf(at));
    if (position === undefined) throw new Error(`${nameOf(at)} was not begun`);
    return position;
  }

  /**
   * Takes entries in offset order, then everything below `reachedOffset` counts as read. Offsets at or above `digestUpper`
   * are observed for the gateway's account only: they are in flight for the rows.
   */
  async take(
    at: TopicPartition,
    entries: readonly RangeEntry[],
    reachedOffset: bigint,
    digestUpper?: bigint,
  ): Promise<void> {
    const position = this.position(at);
    const fresh = entries.filter((entry) => offsetOf(entry) >= position);
    if (at.topic === this.#topics.incoming) await this.#takeIncoming(at, fresh, digestUpper);
    else
      for (const entry of fresh) {
        if (entry.kind === 'record') await this.#takeEvidence(at, entry);
        this.#positions.set(nameOf(at), offsetOf(entry) + 1n);
      }
    if (reachedOffset < this.position(at)) return;
    this.#positions.set(nameOf(at), reachedOffset);
    const upper = digestUpper === undefined || reachedOffset < digestUpper ? reachedOffset : digestUpper;
    if (at.topic === this.#topics.incoming) this.#digests.get(at.partition)?.reached(upper);
  }

  /** The same of incoming events that a thread has observed. */
  takeObserved(at: TopicPartition, observed: readonly Observed[], digestUpper?: bigint): void {
    const digest = this.#digests.get(at.partition);
    for (const { entry, leaderEpoch, envelope, altered } of observed) {
      this.#noteEpoch(at, entry.offset, leaderEpoch);
      if (envelope !== undefined) {
        const place = { topic: at.topic, partition: at.partition, offset: entry.offset };
        this.#observe(envelope, place);
        this.#observeSource(envelope, place);
        if (altered !== undefined) this.#noteAltered({ ...envelope, ...altered }, at, entry.offset);
      }
      if (digestUpper === undefined || entry.offset < digestUpper) digest?.fold(entry);
    }
    const last = observed.at(-1);
    if (last !== undefined) this.#positions.set(nameOf(at), last.entry.offset + 1n);
  }

  /** Slice by slice: should the registry be away for the next one, this one is not taken twice. */
  async #takeIncoming(
    at: TopicPartition,
    entries: readonly RangeEntry[],
    digestUpper: bigint | undefined,
  ): Promise<void> {
    for (let from = 0; from < entries.length; from += SLICE) {
      const slice = entries.slice(from, from + SLICE);
      this.takeObserved(at, await observeAll(this.#codec, slice, this.#options), digestUpper);
    }
  }

  async #takeEvidence(at: TopicPartition, entry: Extract<RangeEntry, { kind: 'record' }>): Promise<void> {
    const { offset, value } = entry.record;
    this.#noteEpoch(at, offset, entry.leaderEpoch);
    if (at.topic === this.#topics.rejected) {
      const decoded = await this.#codec.decode(TOPIC.rejected, value);
      if (decoded.ok) {
        const place = { topic: at.topic, partition: at.partition, offset };
        this.#observe(decoded.value, place);
        // Refused for good is not lost: its number is no gap.
        this.#observeSource(decoded.value, place);
      } else this.unreadable += 1;
    } else {
      const decoded = await this.#codec.decode(TOPIC.sources, value);
      if (!decoded.ok) this.unreadable += 1;
      else {
        this.gateway.checkpoint(decoded.value);
        this.timeline.checkpoint(decoded.value);
        const word = gapWordOf(decoded.value);
        if (word !== undefined) this.sources.word(word);
        const claim = claimOf(decoded.value);
        if (claim !== undefined) this.sources.claim(claim);
      }
    }
  }

  /** Leader epochs grow with the offset: one that goes back tells of two leaders that both wrote. */
  #noteEpoch(at: TopicPartition, offset: bigint, leaderEpoch: number): void {
    const before = this.#leaderEpochs.get(nameOf(at)) ?? -1;
    if (leaderEpoch > before) this.#leaderEpochs.set(nameOf(at), leaderEpoch);
    if (leaderEpoch < 0 || leaderEpoch >= before) return;
    const place = { topic: at.topic, partition: at.partition, offset: Number(offset) };
    const detail = `the record was written under leader epoch ${leaderEpoch}, one before it under ${before}`;
    this.#notes.add({ kind: 'epoch-regressed', stage: 'gateway-to-log', ...place, detail });
  }

  #observe(
    { gatewayEpoch, ingestSeq, receivedAt }: Pick<Envelope, 'gatewayEpoch' | 'ingestSeq' | 'receivedAt'>,
    place: Place,
  ): void {
    this.gateway.observe(gatewayEpoch, ingestSeq, receivedAt, place);
  }

  #observeSource(event: Envelope | RejectedFrame, place: Place): void {
    const { source, stream, streamEpoch, seq, gatewayEpoch, receivedAt: receivedAtMs } = event;
    if (stream === null || streamEpoch === null || seq === null) return;
    this.sources.observe({ source, stream, streamEpoch, seq, gatewayEpoch, receivedAtMs }, place);
  }

  #noteAltered(
    { gatewayEpoch, ingestSeq, id }: Envelope & { readonly id: string | null },
    { topic, partition }: TopicPartition,
    offset: bigint,
  ): void {
    const frame = { gatewayEpoch, from: ingestSeq, to: ingestSeq, ...(id === null ? {} : { id }) };
    const place = { topic, partition, offset: Number(offset) };
    const detail = 'the record holds other bytes than the gateway says it received';
    this.#notes.add({ kind: 'altered', stage: 'gateway-to-log', ...place, ...frame, detail });
  }
}
