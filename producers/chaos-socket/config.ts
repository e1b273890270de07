// What the simulator can be told. WS_PORT, API_PORT, CHAOS_PROFILE and LOG_LEVEL are the original's names.
import { type ConfigOf, type Environment, setting } from '../../service/config.ts';
import { LOG_LEVELS } from '../../service/logger.ts';

export const chaosSettings = {
  wsPort: setting.port({
    variable: 'WS_PORT',
    description: 'Port of the WebSocket server of the simulator; 0 takes a free one.',
    default: 4001,
  }),
  apiPort: setting.port({
    variable: 'API_PORT',
    description: 'Port of the HTTP API of the simulator; 0 takes a free one.',
    default: 9101,
  }),
  profile: setting.optionalText({
    variable: 'PMC_CHAOS_PROFILE',
    description: 'Behaviour profile of the simulator; without it CHAOS_PROFILE, without both `demo`.',
  }),
  originalProfile: setting.optionalText({
    variable: 'CHAOS_PROFILE',
    description: "The original simulator's name for PMC_CHAOS_PROFILE, which wins.",
  }),
  originalLogLevel: setting.optionalText({
    variable: 'LOG_LEVEL',
    description: "The original simulator's name for PMC_LOG_LEVEL, which wins; only the simulator reads it.",
  }),
  eventsPerSecond: setting.optionalNumber({
    variable: 'PMC_CHAOS_RATE',
    description: 'Events per second that the simulator sends over all connections, instead of the pace of its profile.',
    min: 0.001,
    max: 100_000,
  }),
  seed: setting.optionalInteger({
    variable: 'PMC_CHAOS_SEED',
    description:
      'Seed of the plan of the simulator: same seed and options, same plan. Without it each start draws one.',
    min: 0,
    max: 999_999_999_999_999,
  }),
  minutes: setting.optionalNumber({
    variable: 'PMC_CHAOS_MINUTES',
    description:
      'Length of each plan of the simulator in minutes; connections stay open after it. Without it, endless.',
    min: 0.001,
    max: 1_000_000,
  }),
  schedule: setting.optionalText({
    variable: 'PMC_CHAOS_SCHEDULE',
    description: 'YAML file with phases and faults for the simulator; without it those of its profile.',
  }),
  sources: setting.optionalInteger({
    variable: 'PMC_CHAOS_CONNECTIONS',
    description:
      'Number of simulated sources, each with its own path (`/source-1` and so on); without it every path is a source.',
    min: 1,
    max: 1_000,
  }),
  protocol: setting.choice({
    variable: 'PMC_CHAOS_PROTOCOL',
    description:
      'What the simulator speaks: `auto` is pmc.v1 with whoever offers it and plain frames with everybody else; `legacy` is plain frames with all, as the original; `pmc.v1` is that with all.',
    values: ['auto', 'legacy', 'pmc.v1'],
    default: 'auto',
  }),
  token: setting.optionalText({
    variable: 'PMC_CHAOS_TOKEN',
    description:
      "Secret that opens the simulator's HTTP API; required, with at least 16 characters, when PMC_HOST is not loopback.",
    secret: true,
  }),
  replayFrames: setting.optionalText({
    variable: 'PMC_CHAOS_REPLAY_FRAMES',
    description: 'Recording (JSON lines with connection, atMs and frame) that the simulator sends instead of a plan.',
  }),
  replaySpeed: setting.optionalNumber({
    variable: 'PMC_CHAOS_REPLAY_SPEED',
    description: 'How many times faster than recorded a recording is sent; 1 without it.',
    min: 0.001,
    max: 1_000_000,
  }),
  replayLoop: setting.choice({
    variable: 'PMC_CHAOS_REPLAY_LOOP',
    description: 'Whether a recording begins again when it ends.',
    values: ['off', 'on'],
    default: 'off',
  }),
  home: setting.text({
    variable: 'PMC_HOME',
    description: 'Folder for everything that must survive a restart; the simulator keeps its ledger in `chaos/` there.',
    default: '.pmc',
  }),
} as const;

export type ChaosConfig = ConfigOf<typeof chaosSettings>;

export function profileOf(config: Pick<ChaosConfig, 'profile' | 'originalProfile'>): string {
  return config.profile ?? config.originalProfile ?? 'demo';
}

/** Levels that only the original's logger has. */
const ORIGINAL_LEVELS: Readonly<Record<string, string>> = { http: 'debug', verbose: 'debug', silly: 'trace' };

/** The environment with the original's LOG_LEVEL in the place where services look. */
export function withOriginalNames(environment: Environment): Environment {
  const level = environment['LOG_LEVEL']?.toLowerCase();
  if (!level || environment['PMC_LOG_LEVEL']) return environment;
  const known = ORIGINAL_LEVELS[level] ?? LOG_LEVELS.find((one) => one === level);
  // A level nobody knows stays out: LOG_LEVEL is a common name and may be meant for another program.
  return known === undefined ? environment : { ...environment, PMC_LOG_LEVEL: known };
}
