// What the commands service can be told.
import { kafkaSettings } from '../../kafka/config.ts';
import { setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

export const commandsSettings = {
  ...kafkaSettings,
  ...databaseSettings,
  maxAgeSeconds: setting.integer({
    variable: 'PMC_COMMAND_MAX_AGE',
    description:
      'A command first seen when it is older than this many seconds gets no reply (it is recorded as skipped).',
    min: 1,
    max: 604_800,
    default: 600,
  }),
  controlUrl: setting.optionalText({
    variable: 'PMC_CONTROL_URL',
    description: "The supervisor's control API, for the states of services; without it they are unknown.",
  }),
  controlToken: setting.optionalText({
    variable: 'PMC_CONTROL_TOKEN',
    description: "Bearer token of the supervisor's control API.",
    secret: true,
  }),
} as const;
