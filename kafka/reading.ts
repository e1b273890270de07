// What a group reader keeps, whichever client fetches and commits for it: the assignment, where each partition is expected to
// go on, what was paused and sought, and the incarnations of the topics. It promises that an offset is committed only after the
// handler returned for everything below it, that late work of a lost assignment is neither committed nor counted, and that a
// jump between the offset expected and the one returned is reported. Fetching, heartbeats and errors are the client's part.
import { steadyClock } from '../service/clock.ts';
import { describeError, PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import { GroupKnowledge, type Known, laneOf } from './group-knowledge.ts';
import type { LogAdmin, LogRecord, Offset, ReaderOptions, TopicPartition } from './log.ts';

const TOPIC_CHECK_MS = 5_000;
/** So much is enough to hand over: whoever gathers waits no longer. */
export const GATHERED_BYTES = 65_536;

export interface ReadingOptions extends ReaderOptions {
  /** Tells the topics' incarnations and what the group has committed. */
  readonly admin: Pick<LogAdmin, 'topics' | 'committed' | 'ends'>;
  readonly logger: Logger;
  onFatal(error: PmcError): void;
  /** A topic has more partitions than at the join. For clients that do not join again by themselves. */
  onGrown?(): void;
}

/** Replaced as a whole at every join, so that late work of an old one is recognised. */
export interface Assignment {
  readonly generation: number;
  readonly partitions: readonly TopicPartition[];
  readonly lost: AbortController;
  /** Asked for at the join, and once more at every batch until there is an answer. */
  known: Promise<Known>;
}

/** Records of one partition as one fetch returned them. */
export interface Fetched extends TopicPartition {
  /** Offsets ascending; none where the log has only control records or aborted data. */
  readonly records: readonly LogRecord[];
  /** What the log has first there, be it a record or not; absent when it is the first record. */
  readonly first?: Offset;
  /** Where the next fetch goes on: past the last record, and past what the log has there that is not a record. */
  readonly next: Offset;
  readonly highWatermark: Offset;
}

export class Reading {
  readonly #options: ReadingOptions;
  /** Where each partition goes on, as far as this assignment knows. */
  readonly #expected = new Map<string, Offset>();
  readonly #paused = new Map<string, TopicPartition>();
  readonly #sought = new Map<string, { readonly to: TopicPartition; readonly offset: Offset }>();
  readonly #inHand = new Map<string, AbortController>();
  readonly #knowledge: GroupKnowledge;
  #assignment: Assignment | undefined;
  #generation = 0;
  #isOver = false;
  #lastProgressMs: number | undefined;
  #topicTimer: NodeJS.Timeout | undefined;
  /** That the topics are still those of the join, asked after the fetch that came last. */
  #confirmed: Promise<void> | undefined = Promise.resolve();

  constructor(options: ReadingOptions) {
    this.#options = options;
    const onRecreated = (topic: string, first: string, now: string): void => this.recreated(topic, first, now);
    this.#knowledge = new GroupKnowledge({ ...options, onRecreated });
  }

  get assignment(): Assignment | undefined {
    return this.#assignment?.lost.signal.aborted === false ? this.#assignment : undefined;
  }

  /** Nothing more is handed over, whatever is assigned: it was stopped, or what ended it was told as fatal. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get assigned(): readonly TopicPartition[] {
    return this.#assignment?.partitions ?? [];
  }

  get silentMs(): number | undefined {
    return this.#lastProgressMs === undefined ? undefined : steadyClock.nowMs() - this.#lastProgressMs;
  }

  get paused(): readonly TopicPartition[] {
    return [...this.#paused.values()];
  }

  /** Seeks that nothing has been committed past yet: a client that joined again must be told them again. */
  get sought(): readonly { readonly to: TopicPartition; readonly offset: Offset }[] {
    return [...this.#sought.values()];
  }

  progressed(): void {
    this.#lastProgressMs = steadyClock.nowMs();
  }

  /**
   * A fetch came that asked for topics by name. Before anything of it is handed over the topics' ids are read again: records of a
   * topic that was created again would pass for those of the old one.
   */
  fetchedByName(): void {
    this.#confirmed = undefined;
  }

  isSought(one: TopicPartition): boolean {
    return this.#sought.has(laneOf(one));
  }

  /** Asks what the group has committed while the client cannot have reset it yet. Without an answer the join asks again. */
  async recall(): Promise<void> {
    await this.#knowledge.ask().catch((error: unknown) => {
      this.#options.logger.debug({ error: describeError(error) }, 'kafka.reader.committed.unknown');
    });
  }

  start(): void {
    this.#topicTimer = setInterval(() => void this.#checkTopics(), TOPIC_CHECK_MS);
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#topicTimer);
    this.#assignment?.lost.abort();
  }

  assign(partitions: readonly TopicPartition[]): void {
    this.lose('joined again');
    this.#generation += 1;
    const known = this.#knowledge.ask();
    known.catch(() => undefined);
    this.#assignment = { generation: this.#generation, partitions, known, lost: new AbortController() };
    this.#expected.clear();
    this.progressed();
    this.#options.logger.info({ generation: this.#generation, partitions: partitions.length }, 'kafka.reader.assigned');
    this.#options.onAssigned?.(partitions, this.#generation);
  }

  lose(reason: string): void {
    const assignment = this.assignment;
    if (assignment === undefined) return;
    const { generation } = assignment;
    assignment.lost.abort();
    this.#options.logger.debug({ generation, reason }, 'kafka.reader.revoked');
    this.#options.onRevoked?.(generation);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#paused.set(laneOf(one), { topic: one.topic, partition: one.partition });
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#paused.delete(laneOf(one));
  }

  isPaused(one: TopicPartition): boolean {
    return this.#paused.has(laneOf(one));
  }

  seek({ topic, partition }: TopicPartition, offset: Offset): void {
    if (offset < 0n) throw new RangeError(`a reader seeks absolute offsets, not ${offset}`);
    const to = { topic, partition };
    this.#sought.set(laneOf(to), { to, offset });
    this.#inHand.get(laneOf(to))?.abort();
  }

  /** Where a partition has to go on: what was sought, else what is expected, else what the group has committed. */
  async position(assignment: Assignment, of: TopicPartition): Promise<Offset | undefined> {
    const { committed } = await this.#knownOf(assignment);
    const lane = laneOf(of);
    return this.#sought.get(lane)?.offset ?? this.#expected.get(lane) ?? committed.get(lane);
  }

  /**
   * Hands the records over, slice by slice, and has each slice committed when the handler returned. `commit` says whether it
   * still could; it throws when it should have been able to. Ends early, silently, when the assignment was lost or sought away.
   */
  async handle(
    assignment: Assignment,
    { topic, partition, records, first: begin, next, highWatermark }: Fetched,
    commit: (next: Offset) => Promise<boolean>,
    clientSignal: AbortSignal,
  ): Promise<void> {
    const lane = laneOf({ topic, partition });
    const sought = new AbortController();
    this.#inHand.set(lane, sought);
    try {
      const expected = await this.position(assignment, { topic, partition });
      const incarnation = await this.#incarnationOf(assignment, topic);
      await this.#confirm(assignment);
      const signal = AbortSignal.any([assignment.lost.signal, sought.signal, clientSignal]);
      const [first] = records;
      if (signal.aborted) return;
      const got = begin ?? first?.offset ?? expected;
      if (expected !== undefined && got !== undefined && expected !== got)
        this.#reportGap({ topic, partition }, expected, got);
      if (first === undefined) {
        if (await commit(next)) this.passed({ topic, partition }, next);
        return;
      }
      for (let from = 0; from < records.length; from += this.#options.batchRecordsMax) {
        const slice = records.slice(from, from + this.#options.batchRecordsMax);
        if (signal.aborted) return;
        const { generation } = assignment;
        await this.#options.handleBatch({
          topic,
          partition,
          incarnation,
          generation,
          records: slice,
          highWatermark,
          signal,
        });
        if (signal.aborted) return;
        // Everything in the slice is durable: only now may the position move. A crash before the commit repeats the slice.
        const isLast = from + slice.length === records.length;
        const position = isLast ? next : (slice[slice.length - 1] as LogRecord).offset + 1n;
        if (!(await commit(position))) return;
        this.passed({ topic, partition }, position);
        if (this.isPaused({ topic, partition })) return;
      }
    } finally {
      if (this.#inHand.get(lane) === sought) this.#inHand.delete(lane);
    }
  }

  /** A partition has gone on to a position, by a commit or over holes that are legal. */
  passed(of: TopicPartition, position: Offset): void {
    const lane = laneOf(of);
    this.progressed();
    // What was in hand when the partition was sought, or its log became shorter, says nothing of where it goes on.
    if (this.#inHand.get(lane)?.signal.aborted === true) return;
    this.#sought.delete(lane);
    this.#expected.set(lane, position);
  }

  /** The log ends before a position in it, which is nobody's any more: it is read from where it begins, and the jump back is told. */
  async shortened(assignment: Assignment, of: TopicPartition, begin: Offset): Promise<void> {
    const lane = laneOf(of);
    const before = this.#sought.get(lane)?.offset ?? this.#expected.get(lane);
    this.#inHand.get(lane)?.abort();
    this.#sought.delete(lane);
    this.#expected.set(lane, begin);
    const expected = before ?? (await this.#knownOf(assignment)).committed.get(lane);
    if (expected !== undefined && expected !== begin) this.#reportGap(of, expected, begin);
  }

  async #confirm(assignment: Assignment): Promise<void> {
    const confirmed = this.#confirmed ?? this.#compareTopics(assignment);
    this.#confirmed = confirmed;
    try {
      await confirmed;
    } catch (error) {
      // The same records come again, and then it is asked again.
      if (this.#confirmed === confirmed) this.#confirmed = undefined;
      throw error;
    }
  }

  #reportGap({ topic, partition }: TopicPartition, expected: Offset, got: Offset): void {
    this.#options.logger.warn({ topic, partition, expected: String(expected), got: String(got) }, 'kafka.reader.gap');
    this.#options.onGap?.({ topic, partition, expected, got });
  }

  async #incarnationOf(assignment: Assignment, topic: string): Promise<string> {
    const { incarnations } = await this.#knownOf(assignment);
    const incarnation = incarnations.get(topic);
    if (incarnation === undefined)
      throw new PmcError('PMC_TOPIC_MISSING', `topic ${topic} has no description`, { topic });
    return incarnation;
  }

  #knownOf(assignment: Assignment): Promise<Known> {
    const before = assignment.known;
    return before.catch(() => {
      if (assignment.known === before) assignment.known = this.#knowledge.ask();
      return assignment.known;
    });
  }

  /** Partitions that were added belong to nobody before the group joins again; of a topic that is another the asking tells. */
  async #compareTopics(assignment: Assignment): Promise<void> {
    const [before, now] = await Promise.all([this.#knownOf(assignment), this.#knowledge.topics()]);
    if (now.partitions > before.partitions && !assignment.lost.signal.aborted) this.#options.onGrown?.();
  }

  async #checkTopics(): Promise<void> {
    const assignment = this.assignment;
    if (assignment === undefined) return;
    await this.#compareTopics(assignment).catch((error: unknown) => {
      this.#options.logger.debug({ error: describeError(error) }, 'kafka.reader.topics.unknown');
    });
  }

  recreated(topic: string, before: string | undefined, now: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.lose('topic created again');
    const message = `topic ${topic} was deleted and created again while it was being read`;
    this.#options.onFatal(new PmcError('PMC_TOPIC_RECREATED', message, { topic, before, now }));
  }
}
