// The settings of the persistence service.
import { kafkaSettings } from '../../kafka/config.ts';
import { type ConfigOf, setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

export const persistenceSettings = {
  ...kafkaSettings,
  ...databaseSettings,
  batchRowsMax: setting.integer({
    variable: 'PMC_PERSISTENCE_BATCH_ROWS',
    description: 'Rows written in one transaction, at most.',
    min: 1,
    max: 2_000,
    default: 1_000,
  }),
  breakerPercent: setting.integer({
    variable: 'PMC_PERSISTENCE_BREAKER_PERCENT',
    description:
      'Above this share of records to quarantine (percent of a batch of 20 or more) the partition waits; 100 never waits.',
    min: 1,
    max: 100,
    default: 50,
  }),
} as const;

export type PersistenceConfig = ConfigOf<typeof persistenceSettings>;
