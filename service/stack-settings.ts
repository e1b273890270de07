// The settings of a stack that those who look for it read too. Every default port moves by PMC_PORT_OFFSET; a port that is set
// does not.
import { type Environment, setting } from './config.ts';

/** Keeps the highest default port (19093, of the embedded broker's controller) below 65,536. */
const OFFSET_MAX = 46_000;
const GATEWAY_PORT = 4_000;

export const portOffsetSetting = setting.integer({
  variable: 'PMC_PORT_OFFSET',
  description: 'Added to every default port, so that several stacks can run on one machine.',
  min: 0,
  max: OFFSET_MAX,
  default: 0,
});

export const homeSetting = setting.optionalText({
  variable: 'PMC_HOME',
  description: 'Folder of all state: data, logs, secrets; `.pmc` in the project folder when not set.',
});

/** The offset, or 0 where it is not valid: reading the settings then reports it together with everything else. */
export function portOffsetOf(environment: Environment): number {
  const text = environment[portOffsetSetting.variable];
  const result = portOffsetSetting.schema.safeParse(text === '' ? undefined : text);
  return result.success && result.data >= 0 && result.data <= OFFSET_MAX ? result.data : 0;
}

export function listenPort(variable: string, description: string, port: number) {
  return setting.integer({ variable, description, min: 1, max: 65_535, default: port });
}

export function gatewayPortSetting(portOffset: number) {
  return listenPort('PMC_GATEWAY_PORT', "Port of the communicator for users' WebSockets.", GATEWAY_PORT + portOffset);
}
