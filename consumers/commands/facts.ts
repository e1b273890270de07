// The facts that replies are made of. Every one may be unknown (undefined): it is then said to be unknown, never guessed.

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
}

export type FactName = keyof AllFacts;
export type Facts = { readonly [K in FactName]?: AllFacts[K] | undefined };

/** What this process knows about itself. */
export interface About {
  readonly version: string;
  readonly startedAtMs: number;
}
