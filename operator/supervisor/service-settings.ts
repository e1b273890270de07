// What the services would refuse at their start is found out before anything is started: their settings, and the files that these
// name. A service judges the same once more, by the same functions.
import { commandsSettings } from '../../consumers/commands/config.ts';
import { declarationsOf } from '../../consumers/commands/declared.ts';
import { gapDetectorSettings } from '../../consumers/gap-detector/config.ts';
import { persistenceSettings } from '../../consumers/persistence/config.ts';
import { chaosSettings, profileOf } from '../../producers/chaos-socket/config.ts';
import { loadProfile } from '../../producers/chaos-socket/profile-files.ts';
import { scheduleOf } from '../../producers/chaos-socket/schedule-file.ts';
import { communicatorSettings } from '../../producers/communicator/config.ts';
import { namedSources } from '../../producers/communicator/sources.ts';
import { checkExposure } from '../../service/access.ts';
import { type Environment, readSettings, type Settings, serviceSettings } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { consoleSettings } from '../console/config.ts';
import type { ServiceName } from './services.ts';

const SETTINGS: Readonly<Record<ServiceName, Settings>> = {
  communicator: communicatorSettings,
  persistence: persistenceSettings,
  commands: commandsSettings,
  'gap-detector': gapDetectorSettings,
  console: consoleSettings,
  'chaos-socket': chaosSettings,
};

/** What a service refuses besides its settings one by one. */
const MORE: Readonly<Partial<Record<ServiceName, (environment: Environment) => void>>> = {
  communicator: (environment) => {
    namedSources(readSettings(environment, communicatorSettings).sources);
  },
  commands: (environment) => {
    declarationsOf(readSettings(environment, commandsSettings).commandsFile, environment);
  },
  'chaos-socket': (environment) => {
    const config = readSettings(environment, { ...chaosSettings, host: serviceSettings.host });
    checkExposure(config.host, config.token ?? '', 'PMC_CHAOS_TOKEN');
    scheduleOf(config, loadProfile(profileOf(config)));
  },
};

/** Throws PMC_CONFIG_INVALID with all that is wrong with the settings of all these services, else what the first of them refuses. */
export function checkServiceSettings(
  names: readonly ServiceName[],
  environmentOf: (name: ServiceName) => Environment,
): void {
  // Several services read the same variable; it is wrong once.
  const problems = [...new Set(names.flatMap((name) => problemsOf(environmentOf(name), SETTINGS[name])))];
  if (problems.length > 0) throw new PmcError('PMC_CONFIG_INVALID', problems.join('\n'), { problems });
  for (const name of names) MORE[name]?.(environmentOf(name));
}

function problemsOf(environment: Environment, settings: Settings): readonly string[] {
  try {
    readSettings(environment, { ...settings, ...serviceSettings });
    return [];
  } catch (error) {
    if (error instanceof PmcError) return error.message.split('\n');
    throw error;
  }
}
