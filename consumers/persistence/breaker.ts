// Pure: when most of a batch would be quarantined, the fault is the system's (another registry, another database, a broken
// release) and the records are good: better to stop than to fill the quarantine.
import { PmcError } from '../../service/errors.ts';

const RECORDS_MIN = 20;

export interface Suspicion {
  readonly records: number;
  readonly bad: number;
  /** Why one of them is bad: what the operator reads. */
  readonly example: string;
}

/** Throws PMC_PERSISTENCE_BREAKER when more than `percent` of at least 20 records are bad. */
export function assertNotSystemic({ records, bad, example }: Suspicion, percent: number): void {
  if (records < RECORDS_MIN || bad * 100 <= records * percent) return;
  const message =
    `more than ${percent} % of ${records} records would be quarantined, which looks systemic; nothing was quarantined. ` +
    `One of the reasons: ${example}. PMC_PERSISTENCE_BREAKER_PERCENT sets the share`;
  throw new PmcError('PMC_PERSISTENCE_BREAKER', message, { records, bad, percent });
}
