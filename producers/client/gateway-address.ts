// Where the gateway is that a client on a terminal dials: what a flag or a variable names wins, the rest is known from the running
// stack, as for `pmc`; where none runs it is the port that `npm start` would take.
import { type Environment, readSettings } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { runningStack, stackPlace } from '../../service/stack-file.ts';
import { portOffsetOf } from '../../service/stack-settings.ts';
import { terminalSettings } from './config.ts';

export interface GatewayAddress {
  readonly url: string;
  /** Why this one, and what to do where nobody answers there; a sentence without its full stop. */
  readonly whence: string;
}

const OTHERWISE = '--url names another one';

/** Throws PMC_CONFIG_INVALID for a variable that is not allowed. */
export function gatewayAddress(url: string | undefined, environment: Environment): GatewayAddress {
  if (url !== undefined) return { url, whence: 'this is what --url says' };
  const { gatewayPort, home } = readSettings(environment, terminalSettings(portOffsetOf(environment)));
  const byPort = `ws://127.0.0.1:${gatewayPort}`;
  if (environment['PMC_GATEWAY_PORT'])
    return { url: byPort, whence: `this is what PMC_GATEWAY_PORT says; ${OTHERWISE}` };
  try {
    const { gateway } = runningStack(stackPlace(home));
    return { url: gateway?.url ?? byPort, whence: `this is what the running stack says; ${OTHERWISE}` };
  } catch (error) {
    if (!(error instanceof PmcError)) throw error;
    return { url: byPort, whence: `${error.message}; ${OTHERWISE}` };
  }
}
