// A small system to audit on the servers of the test run: scratch topics, a scratch database, and rows written by persistence's
// own store. A test spoils it and asks the audit, whose books are kept as `pmc audit run` keeps them.
import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject, vi } from 'vitest';
import { storeFindings, storeReport } from '../../consumers/gap-detector/audit-store.ts';
import type { AuditedTopics } from '../../consumers/gap-detector/audited-log.ts';
import { boundedAudit } from '../../consumers/gap-detector/bounded-audit.ts';
import { payloadHash } from '../../consumers/gap-detector/digest.ts';
import { explain } from '../../consumers/gap-detector/explain.ts';
import type { Life } from '../../consumers/gap-detector/life.ts';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import { toRow } from '../../consumers/persistence/rows.ts';
import { Store } from '../../consumers/persistence/store.ts';
import type { Appender, LogAdmin, RangeReader } from '../../kafka/log.ts';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { type AuditServers, auditServers } from './audit-servers.ts';
import { incomingEvent } from './incoming-events.ts';
import { newTopicThere } from './new-topic.ts';
import { type ScratchDatabase, scratchDatabase } from './scratch-database.ts';

const ALIVE = new AbortController().signal;
const BATCH = 1_000;
const GRACE_MS = 200;

export interface Appended {
  readonly partition: number;
  readonly offset: bigint;
  readonly event: IncomingEvent;
}

interface ExplainedBy {
  readonly ranges: Pick<RangeReader, 'read'>;
  /** The topic of replies. */
  readonly outgoing: string;
}

export class AuditedSystem implements AsyncDisposable {
  readonly servers: AuditServers;
  readonly pool: pg.Pool;
  readonly names: AuditedTopics;
  readonly partitions: number;
  incarnation = '';
  appended: Appended[] = [];
  readonly #database: ScratchDatabase;
  readonly #appender: Appender;
  readonly #ends: bigint[];
  #received = 0;

  static async start(partitions = 2): Promise<AuditedSystem> {
    const database = await scratchDatabase(inject('databaseUrl'));
    const system = new AuditedSystem(await auditServers(database.url), database, partitions);
    for (const name of Object.values(system.names)) await system.servers.topics.create(name, partitions);
    await system.resolve();
    return system;
  }

  private constructor(servers: AuditServers, database: ScratchDatabase, partitions: number) {
    const name = `test-${randomUUID()}`;
    this.names = { incoming: `${name}.incoming`, rejected: `${name}.rejected`, sources: `${name}.sources` };
    this.servers = servers;
    this.partitions = partitions;
    this.#database = database;
    this.#appender = servers.openAppender();
    this.#ends = Array.from({ length: partitions }, () => 0n);
    this.pool = new pg.Pool({ connectionString: database.url, max: 4 });
  }

  get databaseUrl(): string {
    return this.#database.url;
  }

  /** The incarnation that the topic has by now. */
  async resolve(): Promise<void> {
    const [incoming] = await this.servers.admin.topics([this.names.incoming]);
    this.incarnation = incoming?.incarnation ?? '';
  }

  /** Appends so many events, in turn over the partitions. */
  async append(count: number): Promise<readonly Appended[]> {
    return await this.appendEvents(this.messages(count));
  }

  /** So many messages, numbered as the gateway of this system would. */
  messages(count: number): readonly IncomingEvent[] {
    return Array.from({ length: count }, (_, number) => {
      this.#received += 1;
      const id = `m${this.#received}`;
      const payload = { event: 'message', id, sender: 'ada', chat: `c${number % 7}`, content: `text ${id}` };
      const about = { id, actor: 'ada', chat: `c${number % 7}`, type: 'text', ingestSeq: this.#received };
      return incomingEvent(payload, { ...about, receivedAt: Date.now() });
    });
  }

  /** `hashOf` is what the gateway says that it received. */
  async appendEvents(
    events: readonly IncomingEvent[],
    hashOf = ({ payload }: IncomingEvent): string => payloadHash(payload),
  ): Promise<readonly Appended[]> {
    const lanes: Appended[][] = Array.from({ length: this.partitions }, () => []);
    for (const [number, event] of events.entries()) {
      const partition = number % this.partitions;
      const offset = (this.#ends[partition] ?? 0n) + BigInt(lanes[partition]?.length ?? 0);
      lanes[partition]?.push({ partition, offset, event });
    }
    await Promise.all(lanes.map((lane) => this.#appendLane(lane, hashOf)));
    const all = lanes.flat();
    for (const one of all) this.appended.push(one);
    return all;
  }

  async #appendLane(lane: readonly Appended[], hashOf: (event: IncomingEvent) => string): Promise<void> {
    for (let from = 0; from < lane.length; from += BATCH) {
      const part = lane.slice(from, from + BATCH);
      const [first] = part;
      if (first === undefined) return;
      const records = part.map(({ event }) => ({
        key: event.chat,
        value: this.servers.codec.encode(TOPIC.incoming, event),
        headers: { sha256: hashOf(event) },
        timestampMs: event.receivedAt,
      }));
      const answer = await this.#appender.append({ topic: this.names.incoming, partition: first.partition }, records);
      if (answer.outcome !== 'acked' || answer.baseOffset !== first.offset)
        throw new Error(JSON.stringify(answer.outcome));
      this.#ends[first.partition] = first.offset + BigInt(part.length);
    }
  }

  /** Appends messages to partition 0 in a transaction of somebody else's; what ends it takes an offset behind them. */
  async appendTransaction(count: number, end: 'commit' | 'abort'): Promise<readonly Appended[]> {
    const events = this.messages(count);
    const from = this.#ends[0] ?? 0n;
    const values = events.map((event) => this.servers.codec.encode(TOPIC.incoming, event));
    await this.servers.topics.appendTransaction({ topic: this.names.incoming, partition: 0 }, values, end);
    this.#ends[0] = from + BigInt(count) + 1n;
    await vi.waitFor(
      async () => {
        const ends = (await this.servers.admin.ends(this.names.incoming)).get(0);
        if (ends?.lastStable !== this.#ends[0]) throw new Error(`the transaction is open: ${ends?.lastStable}`);
      },
      { timeout: 20_000, interval: 100 },
    );
    return events.map((event, index) => ({ partition: 0, offset: from + BigInt(index), event }));
  }

  /** What the gateway refuses for good: the same frame on the topic of rejected ones. */
  async reject({ source, connection, gatewayEpoch, ingestSeq, ...event }: IncomingEvent): Promise<void> {
    this.#received = Math.max(this.#received, ingestSeq);
    const { receivedAt, stream, streamEpoch, seq, payload: raw } = event;
    const value = this.servers.codec.encode(TOPIC.rejected, {
      ...{ source, connection, gatewayEpoch, ingestSeq, receivedAt, stream, streamEpoch, seq },
      ...{ code: 105, reason: 'refused', binary: false, raw, sizeBytes: raw.length },
      sha256: createHash('sha256').update(raw).digest(),
    });
    const record = { key: null, value, headers: {}, timestampMs: receivedAt };
    const answer = await this.#appender.append({ topic: this.names.rejected, partition: 0 }, [record]);
    if (answer.outcome !== 'acked') throw new Error(answer.outcome);
  }

  /** Stores what was appended as persistence does, all but what is left out. */
  async store(records: readonly Appended[], leftOut: ReadonlySet<Appended> = new Set()): Promise<void> {
    const store = new Store({ pool: this.pool, breakerPercent: 100 });
    for (const [partition, lane] of Map.groupBy(records, (one) => one.partition)) {
      for (let from = 0; from < lane.length; from += BATCH) {
        const part = lane.slice(from, from + BATCH);
        const candidates = part
          .filter((one) => !leftOut.has(one))
          .map(({ event, offset }) => {
            const at = { incarnation: this.incarnation, partition, offset, timestampMs: event.receivedAt };
            const made = toRow(event, at);
            if (!made.ok) throw made.error;
            return { row: made.row, raw: event.payload };
          });
        const upperOffset = (part.at(-1)?.offset ?? 0n) + 1n;
        const place = { topic: this.names.incoming, partition, incarnation: this.incarnation };
        await store.write({ ...place, candidates, poisons: [], upperOffset }, ALIVE);
      }
    }
  }

  /** Makes the topic anew, as somebody might. */
  async recreate(): Promise<void> {
    await this.servers.topics.delete([this.names.incoming]);
    await this.servers.topics.create(this.names.incoming, this.partitions);
    this.#ends.fill(0n);
    this.appended = [];
    this.incarnation = await newTopicThere(this.servers.admin, this.names.incoming, this.incarnation);
  }

  /** The gateway says that it has settled all and closes its epoch. */
  async #close(): Promise<void> {
    const ends = this.#ends.map((end, partition) => ({ topic: this.names.incoming, partition, offset: Number(end) }));
    const value = this.servers.codec.encode(TOPIC.sources, {
      ...BLANK_CHECKPOINT,
      ...{ kind: 'closed', gatewayEpoch: incomingEvent({}).gatewayEpoch, instance: 'test', at: Date.now() },
      ...{ settledUpTo: this.#received, received: this.#received, inFlightMax: 8, ends },
    });
    const record = { key: null, value, headers: {}, timestampMs: Date.now() };
    const answer = await this.#appender.append({ topic: this.names.sources, partition: 0 }, [record]);
    if (answer.outcome !== 'acked') throw new Error(answer.outcome);
  }

  /** What an audit says, kept by nobody; of replies where it is told their topic. */
  async judge(ranges: RangeReader = this.servers.ranges, outgoing?: string): Promise<AuditReport> {
    await this.#close();
    const { admin, codec, clock } = this.servers;
    const replies = outgoing === undefined ? {} : { outgoing };
    const tools = { admin, ranges, codec, clock, pool: this.pool, topics: this.names, ...replies };
    return await boundedAudit(tools, { graceMs: GRACE_MS, coverageMin: 0.95, waitMs: 0 });
  }

  async audit(ranges?: RangeReader, outgoing?: string): Promise<AuditReport> {
    const found = await this.judge(ranges, outgoing);
    const report = { ...found, healed: await storeFindings(this.pool, found, { isComplete: found.suspect === 0 }) };
    await storeReport(this.pool, report);
    return report;
  }

  /** What `pmc audit explain` tells of an id or a place. */
  async explain(
    asked: string,
    { ranges = this.servers.ranges, outgoing = TOPIC.outgoing }: Partial<ExplainedBy> = {},
  ): Promise<readonly Life[]> {
    const { admin, codec, clock } = this.servers;
    const named = (topic: string): string => (topic === TOPIC.outgoing ? outgoing : topic);
    const own: Pick<LogAdmin, 'topics' | 'ends' | 'committed'> = {
      topics: ([topic = '']) => admin.topics([topic === TOPIC.incoming ? this.names.incoming : named(topic)]),
      ends: (topic) => admin.ends(named(topic)),
      committed: (group, topic) => admin.committed(group, topic),
    };
    const read: RangeReader['read'] = ({ topic, partition }, ...range) =>
      ranges.read({ topic: named(topic), partition }, ...range);
    return await explain({ admin: own as LogAdmin, ranges: { read }, codec, clock, pool: this.pool }, asked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#appender.stop();
    await this.servers[Symbol.asyncDispose]();
    await this.pool.end();
    await this.#database[Symbol.asyncDispose]();
  }
}
