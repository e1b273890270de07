// What the audit has read of the log so far: digests of pmc.messages.incoming, the gateway's numbers from incoming and
// rejected frames, checkpoints from pmc.sources. Whatever way entries arrive (a bounded read, a consumer group, a read-again
// after a restart), each offset is taken once.
import type { Codec } from '../../kafka/codec.ts';
import type { RangeEntry, TopicPartition } from '../../kafka/log.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { LogDigest } from './log-digest.ts';
import { observe } from './log-side.ts';

export const AUDITED_TOPICS = [TOPIC.incoming, TOPIC.rejected, TOPIC.sources] as const;

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

export class AuditedLog {
  readonly gateway = new GatewayLedger();
  readonly #codec: Codec;
  readonly #digests = new Map<number, LogDigest>();
  readonly #positions = new Map<string, bigint>();
  /** Records of the audit's own evidence (rejected, sources) that did not decode. */
  unreadable = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** Next offset to take, by `topic-partition`. */
  get positions(): ReadonlyMap<string, bigint> {
    return this.#positions;
  }

  digest(partition: number): LogDigest | undefined {
    return this.#digests.get(partition);
  }

  /** Begins a partition at its log start offset; must be called before anything is taken from it. */
  begin(at: TopicPartition, logStart: bigint): void {
    this.#positions.set(nameOf(at), logStart);
    if (at.topic === TOPIC.incoming) this.#digests.set(at.partition, new LogDigest(logStart));
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
    for (const entry of entries) {
      const offset = entry.kind === 'record' ? entry.record.offset : entry.offset;
      if (offset >= position) await this.#takeOne(at, entry, digestUpper === undefined || offset < digestUpper);
    }
    if (reachedOffset <= position) return;
    this.#positions.set(nameOf(at), reachedOffset);
    const upper = digestUpper === undefined || reachedOffset < digestUpper ? reachedOffset : digestUpper;
    if (at.topic === TOPIC.incoming) this.#digests.get(at.partition)?.reached(upper);
  }

  async #takeOne(at: TopicPartition, entry: RangeEntry, isDigested: boolean): Promise<void> {
    if (at.topic === TOPIC.incoming) {
      const observed = await observe(this.#codec, entry);
      if (observed.event !== undefined) this.#observe(observed.event);
      if (isDigested) this.#digests.get(at.partition)?.fold(observed.entry);
      return;
    }
    if (entry.kind !== 'record') return;
    if (at.topic === TOPIC.rejected) {
      const decoded = await this.#codec.decode(TOPIC.rejected, entry.record.value);
      if (decoded.ok) this.#observe(decoded.value);
      else this.unreadable += 1;
    } else {
      const decoded = await this.#codec.decode(TOPIC.sources, entry.record.value);
      if (decoded.ok) this.gateway.checkpoint(decoded.value);
      else this.unreadable += 1;
    }
  }

  #observe({
    gatewayEpoch,
    ingestSeq,
    receivedAt,
  }: Pick<IncomingEvent, 'gatewayEpoch' | 'ingestSeq' | 'receivedAt'>): void {
    this.gateway.observe(gatewayEpoch, ingestSeq, receivedAt);
  }
}
