// The facts that replies are made of. Every one may be unknown (undefined): it is then said to be unknown, never guessed.
import { storable } from '../../schemas/column-text.ts';

export interface ServiceFact {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
}

export interface GroupLag {
  readonly group: string;
  /** Records behind over the partitions that are known; undefined when none is. */
  readonly lag: bigint | undefined;
  readonly unknownPartitions: number;
}

export interface AuditFact {
  readonly verdict: string;
  readonly finishedAtMs: number;
  readonly settled: number | undefined;
  readonly stored: number | undefined;
  readonly missing: number | undefined;
}

export interface TopicFact {
  readonly topic: string;
  readonly partitions: number;
  readonly retentionMs: number | undefined;
}

/** A message that was searched for. */
export interface Hit {
  readonly sender: string | null;
  readonly receivedAtMs: number;
  readonly content: string;
}

export interface BusyChat {
  readonly chat: string;
  readonly events: number;
}

/** What was stored in the last minutes, by the events' own times. */
export interface ActivityFact {
  readonly windowMs: number;
  readonly events: number;
  /** Events of kind message. */
  readonly messages: number;
  /** There were more events than were counted. */
  readonly isCapped: boolean;
  readonly busiest: readonly BusyChat[];
}

export interface StageFact {
  readonly stage: string;
  readonly verdict: string;
  readonly detail: string;
}

export interface PartitionFact {
  readonly partition: number;
  readonly settled: number;
  readonly stored: number;
  readonly missing: number;
  readonly altered: number;
}

/** A finding of the audit that is still open. */
export interface FindingFact {
  readonly kind: string;
  readonly stage: string;
  /** Lower is heavier. */
  readonly rank: number;
  readonly eventId: string | undefined;
  readonly detail: string;
}

/** What is open at one place. */
export interface OpenFindingsFact {
  readonly count: number;
  /** A few of them, losses and then newest first. */
  readonly heaviest: readonly FindingFact[];
}

/** Of whole characters, as PostgreSQL counts them. */
const SOURCE_CHARS_MAX = 512;

/** What a finding may concern, as the column `place` of audit.findings says it: a partition of the incoming topic, or else a source. */
export const PLACE = {
  partition: (partition: number): string => `partition ${partition}`,
  source: (source: string): string => `source ${Array.from(storable(source)).slice(0, SOURCE_CHARS_MAX).join('')}`,
} as const;

/** The newest audit, stage by stage and partition by partition. */
export interface LossFact {
  readonly verdict: string;
  readonly finishedAtMs: number;
  readonly stages: readonly StageFact[];
  readonly partitions: readonly PartitionFact[];
  /** By place. */
  readonly open: ReadonlyMap<string, OpenFindingsFact>;
  /** Something is open at more places than these. */
  readonly isOpenCut: boolean;
}

export interface AllFacts {
  /** From the supervisor. */
  readonly services: readonly ServiceFact[];
  readonly lags: readonly GroupLag[];
  /** Rows that persistence has written. */
  readonly stored: bigint;
  /** null: no audit has run yet. */
  readonly audit: AuditFact | null;
  readonly clusterId: string;
  readonly topics: readonly TopicFact[];
  readonly activity: ActivityFact;
  /** null: no audit has run yet. */
  readonly losses: LossFact | null;
  /** How many findings are open in each stage. */
  readonly openByStage: Readonly<Record<string, number>>;
}

export type FactName = keyof AllFacts;
export type Facts = { readonly [K in FactName]?: AllFacts[K] | undefined };

/** What this process knows about itself. */
export interface About {
  readonly version: string;
  readonly startedAtMs: number;
}
