// What a drill puts on its scratch topics and into its scratch tables: a log with clean stretches and planted faults in
// between, at places drawn from a seed, and for each fault the findings that an audit must make of it. Pure.

import { BLANK_CHECKPOINT } from '../../../schemas/blank-checkpoint.ts';
import { derivedUuid } from '../../../schemas/event-key.ts';
import type { Dispatch, IncomingEvent, SourceCheckpoint } from '../../../schemas/generated.ts';
import { below, type Random, seededRandom } from '../../../service/random.ts';
import { type Account, noAccounts } from '../accounts.ts';
import type { AuditedTopics } from '../audited-log.ts';
import { derivedKey } from '../derived-columns.ts';
import type { Finding, Stage } from '../verdict.ts';
import { type ReplyPlan, ReplyPlanner } from './reply-plan.ts';

export type Fault = 'loss' | 'duplicate' | 'alteration' | 'reorder' | 'none';
export type Expected = Omit<Finding, 'detail'>;

/** One row as it is inserted, damaged or not. */
export interface PlannedRow {
  readonly id: string;
  readonly rawPayload: string;
  readonly content: string | null;
  readonly refId: string | null;
  readonly storedAtMs: number;
  readonly partition: number;
  readonly offset: number;
  readonly event: IncomingEvent;
}

/** What is appended to one partition, in this order; `offset` is where it must come to lie. */
export type PlannedAppend =
  | { readonly kind: 'event'; readonly offset: number; readonly event: IncomingEvent; readonly received?: string }
  | { readonly kind: 'reply'; readonly offset: number; readonly dispatch: Dispatch }
  | { readonly kind: 'bytes'; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'transaction'; readonly offset: number; readonly events: readonly IncomingEvent[] };

export interface PlannedCase {
  readonly name: string;
  readonly stage: Stage;
  readonly fault: Fault;
  readonly expected: Expected[];
}

export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export interface DrillPlan {
  /** Audits are made as of this time. */
  readonly nowMs: number;
  readonly appends: readonly (readonly PlannedAppend[])[];
  /** What lies below has left the log, by partition. */
  readonly logStarts: ReadonlyMap<number, number>;
  readonly checkpoints: readonly SourceCheckpoint[];
  readonly replies: ReplyPlan;
  readonly rows: readonly PlannedRow[];
  /** Come in between the two looks. */
  readonly lateRows: readonly PlannedRow[];
  /** Written before the first look of a second audit by a transaction that is open to its end: nothing is missing then. */
  readonly openRows: readonly PlannedRow[];
  readonly duplicates: readonly (Place & { readonly first: Place; readonly id: string })[];
  readonly quarantined: readonly Place[];
  readonly purged: readonly Place[];
  /** Up to where each partition counts as settled. */
  readonly covered: readonly number[];
  readonly cases: readonly PlannedCase[];
  readonly accounts: Readonly<Record<Account, number>>;
}

export interface DrillPlanOptions {
  readonly seed: number;
  /** About how many clean events lie between the faults. */
  readonly records: number;
  readonly topics: AuditedTopics;
  readonly nowMs: number;
}

export const PARTITIONS = 6;
/** In the first ones faults lie together. */
export const SHARED_PARTITIONS = 2;
/** Its first records leave the log, and what sources sent first lies in it. */
export const CUT_PARTITION = 2;
/** From here on each has room for one fault alone: no other may make its bucket unequal. */
export const LONE_PARTITIONS = 3;
export const DRILL_SOURCE = 'drill';
/** When retention deleted rows: what was received since has its row. */
export const PURGED_AGO_MS = 3_600_000;

/** Collects a plan; each method plants one thing at the end of what there is. */
export class DrillPlanner {
  readonly random: Random;
  readonly topics: AuditedTopics;
  readonly nowMs: number;
  readonly replies: ReplyPlanner;
  readonly logStarts = new Map<number, number>();
  readonly checkpoints: SourceCheckpoint[] = [];
  readonly lateRows: PlannedRow[] = [];
  readonly openRows: PlannedRow[] = [];
  readonly duplicates: (Place & { readonly first: Place; readonly id: string })[] = [];
  readonly quarantined: Place[] = [];
  readonly purged: Place[] = [];
  readonly cases: PlannedCase[] = [];
  readonly accounts: Record<Account, number> = noAccounts();
  readonly #appends: PlannedAppend[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly #ends: number[] = Array.from({ length: PARTITIONS }, () => 0);
  readonly #rows = new Map<string, PlannedRow>();
  readonly #name: string;
  #events = 0;

  constructor({ seed, topics, nowMs }: DrillPlanOptions) {
    this.random = seededRandom(seed, 0);
    this.topics = topics;
    this.nowMs = nowMs;
    this.replies = new ReplyPlanner();
    this.#name = `drill-${seed}`;
  }

  anyPartition(): number {
    return below(this.random, SHARED_PARTITIONS);
  }

  end(partition: number): number {
    return this.#ends[partition] ?? 0;
  }

  /** An event that is not appended yet; `members` are those of its payload that are not as they usually are. */
  event(
    changes: Partial<IncomingEvent> & Pick<IncomingEvent, 'gatewayEpoch' | 'ingestSeq'>,
    members: Readonly<Record<string, string>> = {},
  ): IncomingEvent {
    this.#events += 1;
    const id = `${this.#name}-${this.#events}`;
    const said = {
      timestamp: new Date(changes.receivedAt ?? this.nowMs).toISOString(),
      sender: 'ada',
      chat: 'drill',
      content: `text ${id}`,
      ...members,
    };
    return {
      source: DRILL_SOURCE,
      connection: 'drill',
      stream: null,
      streamEpoch: null,
      seq: null,
      receivedAt: this.nowMs,
      kind: 'message',
      id,
      chat: 'drill',
      actor: 'ada',
      type: 'text',
      payload: Buffer.from(JSON.stringify({ event: 'message', id, ...said, message_type: 'text' })),
      ...changes,
    };
  }

  /** Appends an event; `received` is the digest that the gateway wrote beside it, when it is not that of the payload. */
  append(event: IncomingEvent, { partition = this.anyPartition(), received = '' } = {}): PlannedRow {
    const offset = this.#append(partition, 1, (at) => ({
      kind: 'event',
      offset: at,
      event,
      ...(received !== '' && { received }),
    }));
    return this.rowOf(event, { partition, offset });
  }

  appendBytes(bytes: Buffer, partition = this.anyPartition()): Place {
    return { partition, offset: this.#append(partition, 1, (offset) => ({ kind: 'bytes', offset, bytes })) };
  }

  /** Events of a transaction that is aborted; a control record follows them. */
  appendAborted(events: readonly IncomingEvent[], partition = this.anyPartition()): Place {
    const append = (offset: number): PlannedAppend => ({ kind: 'transaction', offset, events });
    return { partition, offset: this.#append(partition, events.length + 1, append) };
  }

  rowOf(event: IncomingEvent, { partition, offset }: Place): PlannedRow {
    const rawPayload = event.payload.toString('utf8');
    const said = JSON.parse(rawPayload) as { content: string; message_id?: string };
    const content = event.kind === 'message' ? said.content : null;
    return {
      ...{ id: derivedKey(event), rawPayload, content, refId: said.message_id ?? null, storedAtMs: event.receivedAt },
      ...{ partition, offset, event },
    };
  }

  store(row: PlannedRow, account: Account = 'stored'): void {
    this.#rows.set(`${row.partition}@${row.offset}`, row);
    this.accounts[account] += 1;
  }

  /** A row where there should be none: it stands outside the accounts. */
  storeExtra(row: PlannedRow, at: Place): void {
    const id = derivedUuid(this.#name, 'extra', String(this.#rows.size));
    this.#rows.set(`${at.partition}@${at.offset}`, { ...row, ...at, id });
  }

  /** All that a partition has so far, and all of it stored, leaves the log: it is in no account. */
  cutLog(partition: number): void {
    this.logStarts.set(partition, this.end(partition));
    this.accounts.stored -= this.end(partition);
  }

  checkpoint(changes: Partial<SourceCheckpoint> & Pick<SourceCheckpoint, 'kind' | 'gatewayEpoch'>): void {
    const ends = this.#ends.map((offset, partition) => ({ topic: this.topics.incoming, partition, offset }));
    this.checkpoints.push({
      ...BLANK_CHECKPOINT,
      instance: changes.gatewayEpoch,
      at: this.nowMs,
      inFlightMax: 8,
      ends,
      ...changes,
    });
  }

  plan(covered: readonly number[]): DrillPlan {
    const { nowMs, logStarts, checkpoints, lateRows, openRows, duplicates, quarantined, purged, cases, accounts } =
      this;
    const rows = [...this.#rows.values()];
    const written = { checkpoints, rows, lateRows, openRows, duplicates, quarantined, purged };
    const replies = this.replies.plan();
    return { nowMs, appends: this.#appends, logStarts, replies, ...written, covered, cases, accounts };
  }

  #append(partition: number, offsets: number, append: (offset: number) => PlannedAppend): number {
    const offset = this.end(partition);
    this.#appends[partition]?.push(append(offset));
    this.#ends[partition] = offset + offsets;
    return offset;
  }
}
