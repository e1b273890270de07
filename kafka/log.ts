// The log as the rest of the system sees it. No type of any Kafka client appears here or above: adapters in kafka/kafkajs
// and kafka/platformatic implement it. Offsets are bigint; ranges are lower inclusive, upper exclusive.
import type { PmcError } from '../service/errors.ts';

export type Offset = bigint;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type Headers = Readonly<Record<string, string>>;

export interface AppendRecord {
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: Headers;
  /** Milliseconds since the Unix epoch; becomes the record's timestamp. */
  readonly timestampMs: number;
}

/**
 * What became of an append. `rejected`: definitely not written. `unknown`: no answer came, the records may or may not be
 * on the log; the only safe thing is to append them again under the same identity and de-duplicate downstream.
 */
export type AppendOutcome =
  | { readonly outcome: 'acked'; readonly baseOffset: Offset }
  | { readonly outcome: 'rejected'; readonly error: PmcError }
  | { readonly outcome: 'unknown'; readonly error: PmcError };

export interface Appender {
  /**
   * Appends records to one partition with acks=all, in order, by an idempotent producer. At most one append per
   * partition is in flight; a second call for the same partition waits for the first.
   */
  append(to: TopicPartition, records: readonly AppendRecord[]): Promise<AppendOutcome>;
  /** Appends without an outcome yet, those that wait for their turn included. */
  readonly inFlight: number;
  /** Resolves when every append made before the call has its outcome. */
  drain(): Promise<void>;
  /** Goes on under a new producer id; what is in flight keeps the old one and ends there. */
  recycle(): void;
  /** Drains, then disconnects; may be called twice. */
  stop(): Promise<void>;
}

export interface LogRecord extends TopicPartition {
  readonly offset: Offset;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** null for a tombstone, which this system never writes. */
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
}

export interface Batch extends TopicPartition {
  /** The topic's id: offsets are only comparable within one incarnation. */
  readonly incarnation: string;
  /** Number of the assignment under which the batch was fetched; grows with every rebalance. */
  readonly generation: number;
  /** At least one record, offsets ascending. */
  readonly records: readonly LogRecord[];
  readonly highWatermark: Offset;
  /** Aborted when the assignment is lost or the reader stops: roll back and return or throw. */
  readonly signal: AbortSignal;
}

/**
 * A jump in what a reader was given: offsets [expected, got) were not delivered. Backwards where the log ended before `expected`: what
 * was there is gone.
 */
export interface OffsetGap extends TopicPartition {
  readonly expected: Offset;
  readonly got: Offset;
}

export interface ReaderOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  /** Records handed over at once, at most. */
  readonly batchRecordsMax: number;
  /**
   * Milliseconds that a record may wait at the broker for others, none when not given: each answer costs requests, whatever it holds. For
   * readers that nobody waits for.
   */
  readonly gatherMs?: number;
  /** Returning means that all of it is durable; throwing means that none may be committed and all is handed over again. */
  handleBatch(batch: Batch): Promise<void>;
  onAssigned?(assigned: readonly TopicPartition[], generation: number): void;
  /** The assignment of this generation is over: nothing that was begun under it will be committed. */
  onRevoked?(generation: number): void;
  onGap?(gap: OffsetGap): void;
}

export interface Reader {
  readonly assigned: readonly TopicPartition[];
  /** Milliseconds since the last answer from a broker or finished batch, whatever is done to the wall clock; undefined before the first. */
  readonly silentMs: number | undefined;
  /** Hands over nothing more of these partitions until `resume`, also after a rebalance or a restart of the client. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /**
   * Goes on at this absolute offset: the batch in hand is not committed, the next one handed over begins there. Holds across a
   * rebalance or a restart of the client until it is committed past; a partition that is not assigned is sought when it is.
   * Throws RangeError at a negative offset: "earliest" and "latest" are asked of LogAdmin.
   */
  seek(to: TopicPartition, offset: Offset): void;
  /** Stops fetching after the batch in hand is committed or rolled back; may be called twice. */
  stop(): Promise<void>;
}

/** What a range reader found at one offset. Control records and aborted data are legal holes for a consumer. */
export type RangeEntry =
  | { readonly kind: 'record'; readonly record: LogRecord; readonly leaderEpoch: number }
  | { readonly kind: 'control'; readonly offset: Offset }
  | { readonly kind: 'aborted'; readonly offset: Offset };

export interface RangeReader {
  /** Reads [lower, upper) of a partition without a group, in offset order; entries may be missing only where the log has none. */
  read(from: TopicPartition, lower: Offset, upper: Offset, signal?: AbortSignal): AsyncIterable<readonly RangeEntry[]>;
  stop(): Promise<void>;
}

export interface PartitionEnds {
  readonly logStart: Offset;
  /** Bound of what a read-committed consumer sees; equal to the high watermark without open transactions. */
  readonly lastStable: Offset;
  readonly highWatermark: Offset;
}

export interface TopicDescription {
  readonly topic: string;
  /** The topic id: a UUID in the usual text form. */
  readonly incarnation: string;
  readonly partitions: readonly {
    readonly partition: number;
    /** -1 while it has none. */
    readonly leader: number;
    readonly leaderEpoch: number;
    readonly replicas: number;
    readonly inSync: number;
  }[];
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
}

export interface GroupDescription {
  /** Empty, Stable, PreparingRebalance, CompletingRebalance or Dead. */
  readonly state: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    readonly host: string;
    readonly assigned: readonly TopicPartition[];
  }[];
}

export interface LogAdmin {
  cluster(): Promise<ClusterDescription>;
  /** Throws PMC_TOPIC_MISSING naming the first topic that does not exist. */
  topics(names: readonly string[]): Promise<readonly TopicDescription[]>;
  /** Topic settings by name, e.g. retention.ms. */
  topicSettings(topic: string): Promise<Readonly<Record<string, string>>>;
  /** Of all partitions or of these; throws PMC_KAFKA_UNREACHABLE when one of them has no leader. */
  ends(topic: string, only?: readonly number[]): Promise<ReadonlyMap<number, PartitionEnds>>;
  /** Committed offsets of a group; a partition without a commit is absent. */
  committed(groupId: string, topic: string): Promise<ReadonlyMap<number, Offset>>;
  /**
   * Sets committed offsets of a group that has no members, reads them back and returns what was read. Throws
   * PMC_GROUP_ACTIVE while it has members, PMC_OFFSET_OUTSIDE_LOG naming the partitions whose offset is below the log start
   * or above the high watermark (nothing is set then), PMC_OFFSETS_NOT_SET naming those that read back otherwise.
   */
  setCommitted(
    groupId: string,
    topic: string,
    offsets: ReadonlyMap<number, Offset>,
  ): Promise<ReadonlyMap<number, Offset>>;
  /** Per partition the first offset whose record is not older than the time; undefined where every record is. */
  offsetsAt(topic: string, timestampMs: number): Promise<ReadonlyMap<number, Offset | undefined>>;
  group(groupId: string): Promise<GroupDescription>;
  stop(): Promise<void>;
}
