// The gap-detector's settings; `pmc audit run` reads the same.
import { kafkaSettings } from '../../kafka/config.ts';
import { setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

export const auditSettings = {
  ...kafkaSettings,
  ...databaseSettings,
  graceMs: setting.integer({
    variable: 'PMC_AUDIT_GRACE_MS',
    description: 'Milliseconds between the two looks at a suspect offset before it is called missing.',
    min: 100,
    max: 3_600_000,
    default: 2_000,
  }),
} as const;

export const gapDetectorSettings = {
  ...auditSettings,
  intervalMs: setting.integer({
    variable: 'PMC_AUDIT_INTERVAL_MS',
    description: 'Milliseconds between two rounds of the running audit.',
    min: 200,
    max: 600_000,
    default: 3_000,
  }),
} as const;

/** Below this judged share of what was asked, a verdict is inconclusive. */
export const COVERAGE_MIN = 0.95;
