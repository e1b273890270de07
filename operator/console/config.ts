// What the console needs to know: where to listen, who may look, and where the facts are.
import { clusterSettings } from '../../kafka/config.ts';
import { type ConfigOf, type serviceSettings, setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

export const consoleSettings = {
  port: setting.port({
    variable: 'PMC_CONSOLE_PORT',
    description: 'Port of the web console; 0 takes a free one.',
    default: 8080,
  }),
  token: setting.text({
    variable: 'PMC_CONSOLE_TOKEN',
    description: 'Secret that opens the console; at least 16 characters when PMC_HOST is not loopback.',
    secret: true,
  }),
  controlUrl: setting.optionalText({
    variable: 'PMC_CONTROL_URL',
    description: "Base URL of the supervisor's control API, which lists the services.",
  }),
  controlToken: setting.optionalText({
    variable: 'PMC_CONTROL_TOKEN',
    description: "Bearer token of the supervisor's control API.",
    secret: true,
  }),
  ...clusterSettings,
  ...databaseSettings,
} as const;

export type ConsoleConfig = ConfigOf<typeof consoleSettings & typeof serviceSettings>;
