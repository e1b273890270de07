// Frames of sources that cannot send them again: numbered, durable on the disk, only then on their way to the log, in order. While
// the log keeps up a committed group goes on from memory; when it does not, the disk alone has what follows, and it is read
// from there as there is room. Bounded in bytes: near the bound the sources are not read any more.
//
//   add ──► group in memory ──commit (fsync)──► live: append ──settled──► forgotten
//                                         └──► behind: read again when there is room ──► append …
import { REFUSED_BY_BROKER } from '../../../schemas/settled-elsewhere.ts';
import type { Clock } from '../../../service/clock.ts';
import type { Health } from '../../../service/health.ts';
import { killPoint } from '../../../service/kill-point.ts';
import type { Logger } from '../../../service/logger.ts';
import type { Receipt } from '../envelope.ts';
import type { Ingest, Origin } from '../ingest.ts';
import type { CommunicatorMetrics } from '../metrics.ts';
import type { NumberRanges } from '../number-ranges.ts';
import { type Frame, parseFrame } from '../parse-frame.ts';
import type { Outcome } from '../recent-events.ts';
import type { Positions, StreamPosition } from '../streams.ts';
import type { EpochRow } from './epoch-accounts.ts';
import { EpochNotes } from './epoch-notes.ts';
import { Fullness } from './fullness.ts';
import { readGroup, receivedMs, type Spooled, upperOf } from './group-body.ts';
import { type Committed, GroupCommit } from './group-commit.ts';
import { LeftBehind } from './left-behind.ts';
import { MovedPositions } from './moved-positions.ts';
import { ReadBack } from './read-back.ts';
import { SetAside } from './set-aside.ts';
import type { SpoolState, StoredGroup } from './spool-file.ts';
import type { SpoolThread } from './spool-thread.ts';

export interface SpoolOptions {
  readonly thread: Pick<SpoolThread, 'call'>;
  readonly ingest: Pick<Ingest, 'receipt' | 'settlement' | 'ends' | 'append' | 'hasRoom'>;
  readonly gatewayEpoch: string;
  readonly bytesMax: number;
  readonly ageMaxMs: number;
  /** Frames that may be numbered and not yet on the disk. */
  readonly unsyncedMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: CommunicatorMetrics;
  readonly pauseSources: () => void;
  readonly resumeSources: () => void;
  /** All that an earlier process left here is on the log now; `spooled` are its numbers that were. */
  readonly onRecovered: (epoch: EpochRow, spooled: NumberRanges) => Promise<void>;
}

interface Group {
  readonly id: number;
  readonly bytes: number;
  /** The highest number of this process in it. */
  readonly upper: number;
  /** Of its oldest frame. */
  readonly receivedMs: number;
  unsettled: number;
}

const HAND_ON_POLL_MS = 20;

export class Spool implements Positions {
  readonly #options: SpoolOptions;
  readonly #left: LeftBehind;
  readonly #moved = new MovedPositions();
  readonly #notes: EpochNotes;
  readonly #fullness: Fullness;
  readonly #commit: GroupCommit;
  readonly #behind: ReadBack;
  readonly #aside: SetAside;
  /** In memory or on their way to the log, by id. */
  readonly #handed: Group[] = [];
  #forgetUpTo = 0;
  #lastId: number;
  /** The last group that was handed on. */
  #cursor: number;
  /** When what lies behind it came, at the earliest; undefined where that cannot be told. */
  #cursorMs: number | undefined;
  #bytes: number;
  /** The highest number of this process that is on the disk. */
  #upper = 0;
  #isStarted = false;
  #noting: Promise<void> | undefined;

  private constructor(options: SpoolOptions, { epochs, lastId, bytes, groups }: SpoolState) {
    this.#options = options;
    this.#notes = new EpochNotes(options, this.#moved);
    this.#fullness = new Fullness(options);
    this.#commit = new GroupCommit({
      ...options,
      safeUpTo: () => this.#notes.safeUpTo,
      forgetUpTo: () => this.#forgetUpTo,
      onCommitted: (group) => this.#committed(group),
    });
    this.#behind = new ReadBack({
      ...options,
      goesOn: () => this.#isStarted && this.isBehind && options.ingest.hasRoom,
      afterId: () => this.#cursor,
      onGroup: (group) => this.#handOnStored(group),
      onEnd: () => {
        this.#cursor = this.#lastId;
      },
      onPause: () => void this.#closeLeft(),
    });
    this.#aside = new SetAside(options);
    this.#left = new LeftBehind(epochs, lastId, options.thread, options.logger);
    this.#lastId = lastId;
    this.#bytes = bytes;
    this.#cursor = groups === 0 ? lastId : 0;
    if (groups > 0) options.logger.warn({ groups, bytes }, 'communicator.spool.found');
  }

  /** Opens what is left, and notes that this epoch exists. Throws PMC_SPOOL_IN_USE and PMC_SPOOL_UNREADABLE. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options, await options.thread.call('state', {}));
    const [oldest] = await options.thread.call('read', { afterId: 0, groupsMax: 1 });
    if (oldest?.body !== undefined) spool.#cursorMs = receivedMs(readGroup(oldest.body));
    await spool.#note();
    return spool;
  }

  /** Begins to hand on; call it when the log knows this epoch. Until then all of it waits on the disk. */
  start(): void {
    this.#isStarted = true;
    void this.#closeLeft();
    this.#behind.go();
    this.#measure();
  }

  get bytes(): number {
    return this.#bytes;
  }

  get #oldestMs(): number | undefined {
    return this.#handed[0]?.receivedMs ?? (this.isBehind ? this.#cursorMs : undefined);
  }

  /** Whether something lies here that is not on its way to the log. */
  get isBehind(): boolean {
    return this.#cursor < this.#lastId;
  }

  /** The numbers of this process that may lie here and nowhere else. */
  get range(): { readonly from: number; readonly to: number } | undefined {
    const { settledUpTo } = this.#options.ingest.settlement;
    return this.#upper > settledUpTo ? { from: settledUpTo + 1, to: this.#upper } : undefined;
  }

  /** Whether something lies here, which is handed on as there is room; resolves when some of it was. */
  async handsOn(): Promise<boolean> {
    if (!this.isBehind && !this.#behind.isReading) return false;
    this.#behind.go();
    await new Promise((resolve) => setTimeout(resolve, HAND_ON_POLL_MS));
    return true;
  }

  add(frame: Frame, from: Origin): void {
    this.#commit.add(frame, from);
    this.#measure();
  }

  /**
   * All that was added is on the disk. Where the disk does not take it for `waitMs`, it is on its way to the log without having
   * been there: for a process that ends.
   */
  async synced(waitMs?: number): Promise<void> {
    const frames = await this.#commit.synced(waitMs);
    if (frames.length === 0) return;
    this.#options.logger.error({ frames: frames.length }, 'communicator.spool.passed-by');
    this.#append(frames, () => undefined);
  }

  /** About once a second: what is on the log is forgotten, and positions are saved. */
  tick(): void {
    this.#options.metrics.spoolBytes.set(this.#bytes);
    this.#measure();
    this.#behind.go();
    void this.#aside.note();
    this.#noting ??= this.#note().finally(() => {
      this.#noting = undefined;
    });
    void this.#closeLeft();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#noting, this.#aside.note()]);
    // What only the first one has made safe to forget.
    for (let round = 0; round < 2; round += 1) await this.#note();
  }

  /**
   * The log has been told that this process ended well. Where it appended what others before it left is a part of their account: its own is kept for
   * whoever closes theirs, if it cannot.
   */
  async closed(): Promise<void> {
    await this.#closeLeft();
    if (this.#left.isClosed && this.#aside.isNoted) await this.#notes.remove();
  }

  async find(source: string, stream: string): Promise<StreamPosition | undefined> {
    return this.#moved.find(source, stream) ?? (await this.#options.thread.call('position', { source, stream }));
  }

  save(positions: readonly StreamPosition[]): void {
    this.#moved.add(positions);
  }

  #committed({ id, bytes, spooled }: Committed): void {
    const isLive = this.#isStarted && !this.isBehind && this.#options.ingest.hasRoom;
    if (!isLive && !this.isBehind) this.#cursorMs = receivedMs(spooled);
    this.#lastId = id;
    this.#upper = upperOf(spooled);
    this.#bytes += bytes;
    if (isLive) this.#handOn({ id, bytes, upper: this.#upper }, spooled);
    this.#measure();
  }

  #handOn(about: Pick<Group, 'id' | 'bytes' | 'upper'>, spooled: readonly Spooled[]): void {
    const group: Group = { ...about, receivedMs: receivedMs(spooled), unsettled: spooled.length };
    this.#cursor = group.id;
    this.#cursorMs = spooled.at(-1)?.receipt.receivedAt ?? group.receivedMs;
    this.#handed.push(group);
    const onSettled = (): void => {
      group.unsettled -= 1;
      if (group.unsettled > 0) return;
      this.#forget();
      this.#measure();
      this.#behind.go();
    };
    this.#append(spooled, ({ gatewayEpoch, ingestSeq }, { kind }) => {
      if (kind !== 'nowhere') return onSettled();
      const problem = `a frame in the spool is on no topic: id ${group.id}, number ${ingestSeq} of ${gatewayEpoch}`;
      this.#aside.add(group.id, problem, onSettled);
    });
  }

  #append(spooled: readonly Spooled[], onSettled: (receipt: Receipt, outcome: Outcome) => void): void {
    for (const { receipt, frame } of spooled) {
      const about = { frame, parsed: parseFrame(frame), from: receipt, place: null };
      this.#options.ingest.append({ ...about, onSettled: (outcome) => onSettled(receipt, outcome) }, receipt);
    }
  }

  #handOnStored(group: StoredGroup): void {
    const { id, epoch, bytes, body } = group;
    if (body === undefined) return this.#leaveDamaged(group);
    const spooled = readGroup(body);
    const upper = epoch === this.#options.gatewayEpoch ? upperOf(spooled) : 0;
    this.#handOn({ id, bytes, upper }, spooled);
    if (epoch !== this.#options.gatewayEpoch) killPoint('communicator.recovered');
  }

  /** What it said is lost, and its numbers are not held open for ever: the audit calls them missing. */
  #leaveDamaged({ id, epoch, numbers, bytes }: StoredGroup): void {
    const { logger, ingest, gatewayEpoch } = this.#options;
    this.#cursor = id;
    this.#bytes -= bytes;
    logger.error({ id, epoch, numbers }, 'communicator.spool.damaged');
    const where = `id ${id}, numbers ${JSON.stringify(numbers)} of ${epoch}`;
    this.#aside.add(id, `a group of frames in the spool is damaged: ${where}`);
    if (epoch !== gatewayEpoch) return;
    for (const { from, to } of numbers) {
      for (let number = from; number <= to; number += 1) ingest.settlement.settleElsewhere(number, REFUSED_BY_BROKER);
    }
  }

  /** Closes the epochs before this one, once nothing of theirs waits here. */
  async #closeLeft(): Promise<void> {
    const { lastId } = this.#left;
    this.#forget();
    if (!this.#isStarted) return;
    const [oldest] = this.#handed;
    if (this.#cursor < lastId || (oldest !== undefined && oldest.id <= lastId)) return;
    await this.#left.close(this.#options.onRecovered);
  }

  /** The oldest groups, as long as all of their frames are settled and whoever closes this epoch knows of all lower numbers. */
  #forget(): void {
    const { safeUpTo } = this.#notes;
    let [group] = this.#handed;
    while (group !== undefined && group.unsettled === 0 && group.upper <= safeUpTo) {
      this.#handed.shift();
      this.#forgetUpTo = group.id;
      this.#bytes -= group.bytes;
      [group] = this.#handed;
    }
  }

  async #note(): Promise<void> {
    this.#forget();
    await this.#notes.write(this.#forgetUpTo);
  }

  #measure(): void {
    const oldestMs = this.#oldestMs;
    const ageMs = oldestMs === undefined ? undefined : Math.max(0, this.#options.clock.nowMs() - oldestMs);
    this.#options.metrics.spoolAge.set((ageMs ?? 0) / 1_000);
    this.#fullness.is({ bytes: this.#bytes, ageMs, unsynced: this.#commit.unsynced });
  }
}
