// What the commands service can be told.
import { isAbsolute } from 'node:path';
import { kafkaSettings } from '../../kafka/config.ts';
import { setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';
import { LANGUAGES } from './definition.ts';

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
  language: setting.choice({
    variable: 'PMC_COMMAND_LANGUAGE',
    description: 'The language of /help where none is asked for.',
    values: LANGUAGES,
    default: 'en',
  }),
  commandsFile: setting.optionalText({
    variable: 'PMC_COMMANDS_FILE',
    description:
      'YAML file with external APIs, webhooks and rules of commands (docs/external-apis.md); none of them without it.',
    conflict: (environment) => {
      const path = environment['PMC_COMMANDS_FILE'];
      return path === undefined || path === '' || isAbsolute(path) ? undefined : 'must be an absolute path';
    },
  }),
  retentionHours: setting.integer({
    variable: 'PMC_COMMAND_RETENTION',
    description:
      'Effects of commands and sent replies are deleted when they are older than this many hours; a command from before is never answered again.',
    min: 2,
    max: 87_600,
    default: 192,
    conflict: (environment) => {
      const hours = Number(environment['PMC_COMMAND_RETENTION'] || '192');
      const maxAgeSeconds = Number(environment['PMC_COMMAND_MAX_AGE'] || '600');
      return hours * 3_600 < 2 * maxAgeSeconds ? 'must be at least twice PMC_COMMAND_MAX_AGE' : undefined;
    },
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
