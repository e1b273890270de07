// How the running audit comes to know the log: it follows the batches of its own group, and reads through the other client what that group
// has passed before it began, or jumps over. Its offsets may be reset or lost, its readings fail, its batches come again while they are
// still in hand: each offset is taken once, in order.
import type { Batch, RangeEntry, TopicPartition } from '../../kafka/log.ts';
import { offsetOf } from '../../kafka/offsets.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { AuditedLog } from './audited-log.ts';
import type { AuditTools } from './bounded-audit.ts';
import { nameOf } from './partition-name.ts';

export class LiveReading {
  readonly audited: AuditedLog;
  /** By `topic-partition`: where what has been read begins. */
  readonly logStarts = new Map<string, bigint>();
  readonly #tools: Pick<AuditTools, 'admin' | 'ranges'>;
  readonly #logger: Logger;
  /** By `topic-partition`: the group that has handed it to us. */
  readonly #assigned = new Map<string, string>();
  readonly #beginning = new Set<string>();
  readonly #begun = new Set<string>();
  /** How far each partition was at the last `readOn`. */
  readonly #seen = new Map<string, bigint>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor({ admin, ranges, codec }: Pick<AuditTools, 'admin' | 'ranges' | 'codec'>, logger: Logger) {
    this.#tools = { admin, ranges };
    this.#logger = logger;
    this.audited = new AuditedLog(codec);
  }

  /** All that is ours from now on: each is begun beside whatever else is done, and again by `readOn` where that fails. */
  assigned(partitions: readonly TopicPartition[], groupId: string): void {
    this.#assigned.clear();
    for (const at of partitions) {
      this.#assigned.set(nameOf(at), groupId);
      this.#beginBeside(at, groupId);
    }
  }

  #beginBeside(at: TopicPartition, groupId: string): void {
    const name = nameOf(at);
    if (this.#begun.has(name) || this.#beginning.has(name)) return;
    this.#beginning.add(name);
    const { topic, partition } = at;
    void this.begin(at, groupId)
      .catch((error: unknown) => {
        this.#logger.warn({ topic, partition, error: describeError(error) }, 'audit.log.unread');
      })
      .finally(() => this.#beginning.delete(name));
  }

  /** Begins at the log start and reads what the group has already passed, where that has not been done. */
  begin(at: TopicPartition, groupId: string): Promise<void> {
    return this.#inTurn(at, () => this.#begin(at, groupId));
  }

  handleBatch(batch: Batch, groupId: string): Promise<void> {
    return this.#inTurn(batch, async () => {
      await this.#begin(batch, groupId);
      const first = batch.records[0];
      const last = batch.records.at(-1);
      if (first === undefined || last === undefined) return;
      // A jump ahead (a reset to later, a gap in what the client delivered) is read through the other client, never skipped.
      await this.#catchUp(batch, first.offset, batch.signal);
      const entries = batch.records.map((record): RangeEntry => ({ kind: 'record', record, leaderEpoch: -1 }));
      await this.audited.take(batch, entries, last.offset + 1n);
    });
  }

  /**
   * Takes the end of each partition that has got none further since the last call: what ends it may be the mark of a transaction, and a
   * group is handed records alone. Begins again what is ours and could not be begun: where nothing more comes, nobody else would.
   */
  async readOn(ends: Iterable<TopicPartition & { readonly end: bigint }>): Promise<void> {
    for (const { topic, partition, end } of ends) {
      const name = nameOf({ topic, partition });
      const groupId = this.#assigned.get(name);
      if (groupId !== undefined) this.#beginBeside({ topic, partition }, groupId);
      const position = this.audited.positions.get(name);
      const isStanding = this.#seen.get(name) === position;
      if (position === undefined || !this.#begun.has(name)) continue;
      this.#seen.set(name, position);
      if (isStanding && position < end)
        await this.#inTurn({ topic, partition }, () => this.#catchUp({ topic, partition }, end));
    }
  }

  /** One after the other for each partition: a batch of an assignment that is lost may still be in hand when its records come again. */
  #inTurn({ topic, partition }: TopicPartition, work: () => Promise<void>): Promise<void> {
    const name = nameOf({ topic, partition });
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, turn);
    return turn;
  }

  /** After a failure on the way it goes on where it was: what is taken twice would look as if it were on the log twice. */
  async #begin(at: TopicPartition, groupId: string): Promise<void> {
    const name = nameOf(at);
    if (this.#begun.has(name)) return;
    const { admin } = this.#tools;
    const [ends, committed] = await Promise.all([admin.ends(at.topic), admin.committed(groupId, at.topic)]);
    const { logStart, lastStable } = ends.get(at.partition) ?? { logStart: 0n, lastStable: 0n };
    if (!this.audited.positions.has(name)) {
      this.audited.begin(at, logStart);
      this.logStarts.set(name, logStart);
    }
    // Beyond the end of a log that was cut there is nothing to be read.
    const passed = committed.get(at.partition) ?? logStart;
    await this.#catchUp(at, passed < lastStable ? passed : lastStable);
    this.#begun.add(name);
  }

  /** What expired before it was read is in the account of that name, and its frames are in nobody's. */
  async #catchUp(at: TopicPartition, upper: bigint, signal?: AbortSignal): Promise<void> {
    const { topic, partition } = at;
    const position = this.audited.position(at);
    if (upper <= position) return;
    const logStart = (await this.#tools.admin.ends(topic)).get(partition)?.logStart ?? position;
    if (logStart > position) this.logStarts.set(nameOf(at), logStart);
    const lower = logStart > position ? logStart : position;
    this.#logger.info({ topic, partition, lower: String(lower), upper: String(upper) }, 'audit.log.reread');
    for await (const entries of this.#tools.ranges.read(at, lower, upper, signal)) {
      const last = entries.at(-1);
      if (last !== undefined) await this.audited.take(at, entries, offsetOf(last) + 1n);
    }
    await this.audited.take(at, [], upper);
  }
}
