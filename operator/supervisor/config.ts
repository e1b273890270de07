// What can be set about the whole stack: the servers' settings and those of the services that the supervisor starts.
import { stackSettings } from '../../compose/embedded/config.ts';
import { kafkaSettings } from '../../kafka/config.ts';
import { type ConfigOf, type Environment, readSettings, serviceSettings, setting } from '../../service/config.ts';
import { gatewayPortSetting, listenPort, portOffsetOf } from '../../service/stack-settings.ts';

/** Health ports follow each other from here, one for each service. */
export const HEALTH_PORT_FIRST = 9_410;

export function supervisorSettings(portOffset: number) {
  return {
    ...stackSettings(portOffset),
    logLevel: serviceSettings.logLevel,
    host: serviceSettings.host,
    schemaCache: kafkaSettings.schemaCache,
    appenderClient: kafkaSettings.appenderClient,
    readerClient: kafkaSettings.readerClient,
    sources: setting.optional(
      setting.list({
        variable: 'PMC_SOURCES',
        description: 'Chat sources to dial instead of the built-in simulator, as ws:// URLs, comma-separated.',
        item: /^wss?:\/\/\S+$/,
        itemText: 'ws:// or wss:// URLs',
      }),
    ),
    gatewayPort: gatewayPortSetting(portOffset),
    consolePort: listenPort('PMC_CONSOLE_PORT', 'Port of the web console.', 8_080 + portOffset),
    simulatorPort: listenPort('WS_PORT', 'Port of the chaos-socket simulator.', 4_001 + portOffset),
    simulatorApiPort: listenPort('API_PORT', "Port of the simulator's HTTP interface.", 9_101 + portOffset),
    controlPort: listenPort('PMC_CONTROL_PORT', "Port of the supervisor's control interface.", 9_409 + portOffset),
  } as const;
}

export type SupervisorConfig = ConfigOf<ReturnType<typeof supervisorSettings>>;

export function readSupervisorConfig(environment: Environment): SupervisorConfig {
  return readSettings(environment, supervisorSettings(portOffsetOf(environment)));
}

/** The health port of the service at this place in the list. */
export function healthPort({ portOffset }: SupervisorConfig, index: number): number {
  return HEALTH_PORT_FIRST + portOffset + index;
}
