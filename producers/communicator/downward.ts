// Dispatches from pmc.messages.outgoing to the peers that are connected here. Every communicator reads the whole topic, and each
// peer has a position in it: the log itself is what waits for a peer that is away. At least once: a position that is kept here moves
// when the dispatch has arrived (legacy-peer.ts); one that the peer keeps, when it says so at its next hello. Nobody waits
// for another: a peer whose socket takes its time is behind for that long, and goes on from the log.
//
//   attach(position) ──► behind: read again from the log ──► live: as the tail reads it ──► cannot take: behind
import type { Codec } from '../../kafka/codec.ts';
import type { Batch, LogRecord, RangeReader } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import type { Position, Welcome } from '../../schemas/protocol/frames.ts';
import { PmcError } from '../../service/errors.ts';
import { killPoint } from '../../service/kill-point.ts';
import type { Logger } from '../../service/logger.ts';
import { Attached } from './attached.ts';
import { CatchUp } from './catch-up.ts';
import { Cursor } from './cursor.ts';
import { HandedOut } from './handed-out.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import { type OutgoingDecoder, outgoingDecoder } from './outgoing-decoder.ts';
import type { OutgoingEnds, OutgoingStart } from './outgoing-ends.ts';
import type { Receiver } from './receiver.ts';
import type { SavedPositions } from './saved-positions.ts';
import { type Place, SeenReplies } from './seen-replies.ts';
import { positionOf, type Resume, resumedPosition, type StartPosition, withinLog } from './start-position.ts';

type Incoming = Welcome['in'];

export interface DownwardOptions {
  readonly range: RangeReader;
  readonly codec: Codec;
  readonly saved: Pick<SavedPositions, 'begin' | 'load' | 'moved'>;
  readonly ends: OutgoingEnds;
  readonly logger: Logger;
  readonly metrics: CommunicatorMetrics;
}

export class Downward {
  readonly #options: DownwardOptions;
  readonly #decode: OutgoingDecoder;
  readonly #tail = new Map<number, bigint>();
  readonly #catchUp: CatchUp<Attached>;
  readonly #attached = new Map<Receiver, Attached>();
  readonly #bySource = new Map<string, Set<Attached>>();
  /** Gone, perhaps while their position was looked for. */
  readonly #left = new WeakSet<Receiver>();
  readonly #seen = new SeenReplies();
  readonly #handedOut = new HandedOut();
  /** Empty before `open`. */
  #logEpoch = '';
  deliveredTotal = 0;

  constructor(options: DownwardOptions) {
    const { codec, logger, metrics, range, ends } = options;
    this.#options = options;
    this.#decode = outgoingDecoder(codec, logger, metrics);
    this.#catchUp = new CatchUp({
      ...{ range, ends, logger, tail: this.#tail, decode: this.#decode },
      offer: (...to) => this.#offer(...to),
    });
  }

  /** The log has answered: from now on peers have positions. */
  open({ logEpoch, start }: OutgoingStart): void {
    this.#logEpoch = logEpoch;
    for (const [partition, next] of start) this.#tail.set(partition, next);
  }

  /** Throws PMC_KAFKA_UNREACHABLE as long as the log has never answered. */
  assertOpen(): void {
    if (this.#logEpoch === '') throw new PmcError('PMC_KAFKA_UNREACHABLE', 'the log has not answered since the start');
  }

  /** Before a source says anything: a reply to it must lie behind a position that outlives this process. Throws while the log is away. */
  async expect(source: string): Promise<void> {
    this.assertOpen();
    await this.#options.saved.begin(source, new Map(this.#tail));
  }

  /** What the peer is told in its welcome. Nothing is delivered before `begin`. Throws while the log is away. */
  async attach(receiver: Receiver, source: string, resume: Resume | undefined, isOwnedHere = false): Promise<Incoming> {
    this.assertOpen();
    const { saved, logger, ends } = this.#options;
    const logEpoch = this.#logEpoch;
    // Before anything is waited for: replies to what this peer sends from now on come behind it.
    const now = new Map(this.#tail);
    let found: StartPosition = { start: now };
    if (resume !== undefined) found = await resumedPosition(resume, now, logEpoch, ends);
    else if (isOwnedHere) found = await withinLog((await saved.load(source)) ?? now, now, ends);
    const { lost } = found;
    const keptOf = resume === undefined ? source : undefined;
    const start = keptOf && !isOwnedHere ? found.start : this.#handedOut.takenBack(found.start, keptOf);
    if (lost !== undefined) logger.warn({ source, reason: lost }, 'communicator.position.lost');
    const cursor = new Cursor(start, this.#tail);
    const pos = positionOf(cursor.position(this.#tail));
    const givesCredit = resume !== undefined || !isOwnedHere;
    const one = { receiver, source, cursor, isSaved: isOwnedHere, givesCredit };
    if (!this.#left.has(receiver)) this.#add(new Attached(one));
    return { recovered: lost === undefined, ...(lost && { reason: lost }), log_epoch: logEpoch, pos };
  }

  position(receiver: Receiver): Pick<Incoming, 'log_epoch' | 'pos'> & { recovered: boolean } {
    const cursor = this.#attached.get(receiver)?.cursor;
    const pos = positionOf(cursor?.position(this.#tail) ?? this.#tail);
    return { recovered: true, log_epoch: this.#logEpoch, pos };
  }

  begin(receiver: Receiver): void {
    const one = this.#attached.get(receiver);
    if (one === undefined) return;
    one.hasBegun = true;
    this.#catchUp.follow(one);
  }

  /** Whether it had any to give back. */
  credit(receiver: Receiver, more: number): boolean {
    const one = this.#attached.get(receiver);
    if (one === undefined) return false;
    const isOwed = one.giveBack(more);
    this.#catchUp.follow(one);
    return isOwed;
  }

  detach(receiver: Receiver): void {
    this.#left.add(receiver);
    const one = this.#attached.get(receiver);
    if (one === undefined) return;
    one.leave();
    this.#attached.delete(receiver);
    const others = this.#bySource.get(one.source);
    others?.delete(one);
    if (others?.size === 0) this.#bySource.delete(one.source);
    this.#save(one);
  }

  /** About once a second: saves the positions that this process keeps for its peers, and goes on with who can take more. */
  tick(): void {
    for (const one of this.#attached.values()) {
      this.#save(one);
      this.#catchUp.follow(one);
    }
  }

  async handleBatch({ records, signal }: Pick<Batch, 'records' | 'signal'>): Promise<void> {
    for (const record of records) {
      if (signal.aborted) throw new Error('the assignment was lost before all dispatches were handed out');
      const next = this.#tail.get(record.partition) ?? 0n;
      // Read again after a rebalance: who was live has had it, who was not reads it from the log.
      if (record.offset < next && !this.#handedOut.isAnother(record)) continue;
      if (record.offset < next) this.#cut(record, next);
      if (record.offset > next) await this.#fillHole(record, next, signal);
      await this.#handOut(record);
    }
  }

  #add(one: Attached): void {
    this.#attached.set(one.receiver, one);
    this.#bySource.set(one.source, (this.#bySource.get(one.source) ?? new Set()).add(one));
    // Also of one that is here for the first time: what comes from now on is for it, whoever is connected to it then.
    this.#save(one);
  }

  /** The reader was moved forward: who is live here must not miss what lies between. */
  async #fillHole({ topic, partition, offset }: LogRecord, next: bigint, signal: AbortSignal): Promise<void> {
    const { range, ends, logger } = this.#options;
    const first = (await ends([partition])).get(partition)?.logStart ?? 0n;
    logger.warn({ partition, from: String(next), to: String(offset) }, 'communicator.outgoing.hole');
    const from = first > next ? first : next;
    for await (const entries of range.read({ topic, partition }, from, offset, signal)) {
      for (const entry of entries) if (entry.kind === 'record') await this.#handOut(entry.record);
    }
  }

  /** The log had lost its end, and was written anew from here on. */
  #cut(from: LogRecord, until: bigint): void {
    const { metrics, logger } = this.#options;
    const { partition, offset } = from;
    metrics.rewritten.inc();
    logger.error({ partition, from: String(offset), until: String(until) }, 'communicator.outgoing.rewritten');
    this.#tail.set(partition, offset);
    this.#seen.forget(from);
    this.#handedOut.rewritten(partition, offset, until);
    for (const { cursor, receiver } of this.#attached.values()) {
      cursor.cut(partition, offset);
      receiver.cut?.(partition, offset);
    }
  }

  async #handOut(record: LogRecord): Promise<void> {
    const { partition, offset } = record;
    const dispatch = await this.#decode(record);
    // From here to the new tail nothing is waited for: nobody can come to live, or leave it, in between.
    if (dispatch !== undefined) {
      for (const one of this.#bySource.get(dispatch.source) ?? []) this.#offerLive(one, partition, offset, dispatch);
    }
    this.#handedOut.note(record);
    this.#tail.set(partition, offset + 1n);
  }

  #offerLive(one: Attached, partition: number, offset: bigint, dispatch: Dispatch): void {
    const { cursor } = one;
    if (cursor.hasHad(partition, offset)) return;
    const answer = cursor.isLive(partition) && this.#offer(one, partition, offset, dispatch);
    if (answer === true) return;
    cursor.fallBehind(partition, offset);
    if (answer === false) one.hasMissed = true;
    else void this.#taking(one, partition, offset, answer);
  }

  /** It is behind until its socket has taken this one, and with nothing else if nothing of its own went by meanwhile. */
  async #taking(one: Attached, partition: number, offset: bigint, answer: Promise<boolean>): Promise<void> {
    one.hasMissed = false;
    const cuts = one.cursor.cuts(partition);
    if ((await answer) && one.cursor.cuts(partition) === cuts) {
      const end = this.#tail.get(partition) ?? 0n;
      one.cursor.caughtUp(partition, one.hasMissed || end <= offset ? offset + 1n : end, this.#tail);
    }
    this.#catchUp.follow(one);
  }

  #offer(one: Attached, partition: number, offset: bigint, dispatch: Dispatch): boolean | Promise<boolean> {
    const { metrics } = this.#options;
    const logEpoch = this.#logEpoch;
    const where = { partition, offset };
    if (this.#seen.isElsewhere(dispatch.replyId, where)) {
      metrics.deliveries.inc({ outcome: 'duplicate' });
      return true;
    }
    if (!one.canTake) return false;
    const position = (): Position => positionOf(one.cursor.position(this.#tail).set(partition, offset + 1n));
    const answer = one.receiver.deliver({ dispatch, logEpoch, position });
    if (typeof answer === 'boolean') return answer && this.#taken(one, dispatch.replyId, where);
    one.isTaking = true;
    return answer.then((isTaken) => {
      one.isTaking = false;
      return isTaken && this.#taken(one, dispatch.replyId, where);
    });
  }

  #taken(one: Attached, replyId: string, where: Place): true {
    killPoint('communicator.delivered');
    one.took();
    this.deliveredTotal += 1;
    this.#options.metrics.deliveries.inc({ outcome: 'delivered' });
    this.#seen.note(replyId, where);
    return true;
  }

  #save({ isSaved, source, cursor, receiver }: Attached): void {
    if (!isSaved) return;
    const taken = cursor.position(this.#tail);
    this.#options.saved.moved(source, receiver.arrived?.(taken) ?? taken);
  }
}
