// What the console saw at one moment, source by source, before anything is concluded from it. Every source may be away:
// then there is a reason instead of a value, and nothing is assumed in its place.
import { z } from 'zod';
import { serviceStatusSchema } from '../supervisor/stack-status.ts';
import type { AuditFacts } from './audit-report.ts';

export type Seen<T> =
  | { readonly ok: true; readonly value: T; readonly atMs: number }
  | { readonly ok: false; readonly reason: string };

/** The part of the supervisor's answer that is shown; it also carries addresses with passwords, which stop here. */
export const controlStatus = z.object({ services: z.array(serviceStatusSchema.omit({ ready: true })) });
export type ControlStatus = z.infer<typeof controlStatus>;

/** A service may count more than plain numbers; only those can become a rate. */
const counters = z
  .record(z.string(), z.unknown())
  .transform((all) =>
    Object.fromEntries(Object.entries(all).filter((entry): entry is [string, number] => typeof entry[1] === 'number')),
  );

export const readyReport = z.object({
  ready: z.boolean(),
  checks: z.record(z.string(), z.object({ ready: z.boolean(), detail: z.string() })),
  facts: z.object({ counters: counters.default({}) }),
});
export type ReadyReport = z.infer<typeof readyReport>;

export interface DatabaseFacts {
  /** Rows in message_metadata by persistence's own books: the sum over coverage. */
  readonly storedRows: number;
  readonly quarantineOpen: number;
  readonly audit: AuditFacts;
}

export interface PartitionPosition {
  readonly partition: number;
  readonly logStart: number;
  readonly highWatermark: number;
  /** Next offset each group will read; a group without a commit is absent. */
  readonly committed: Readonly<Record<string, number>>;
}

export interface LogFacts {
  readonly topic: string;
  readonly groups: readonly string[];
  readonly partitions: readonly PartitionPosition[];
}

export interface Observation {
  readonly atMs: number;
  /** undefined: no supervisor is configured, so nobody can be asked. */
  readonly control: Seen<ControlStatus> | undefined;
  /** By service name; only services with an address. */
  readonly ready: ReadonlyMap<string, Seen<ReadyReport>>;
  readonly database: Seen<DatabaseFacts>;
  readonly log: Seen<LogFacts>;
}
