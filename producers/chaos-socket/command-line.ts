// Flags for running the simulator by hand. Each is another way to write an environment variable, so that one reading of
// the configuration judges both. Pure: arguments and environment in, what to do out.
import { Command, CommanderError } from 'commander';
import type { Environment } from '../../service/config.ts';
import { withOriginalNames } from './config.ts';

export type Invocation =
  | { readonly do: 'serve' | 'print-plan-hash'; readonly environment: Environment }
  /** Usage or help to print, and the exit code. */
  | { readonly do: 'explain'; readonly text: string; readonly exitCode: 0 | 2 };

const VARIABLES: Readonly<Record<string, string>> = {
  seed: 'PMC_CHAOS_SEED',
  profile: 'PMC_CHAOS_PROFILE',
  rate: 'PMC_CHAOS_RATE',
  minutes: 'PMC_CHAOS_MINUTES',
  port: 'WS_PORT',
  apiPort: 'API_PORT',
  schedule: 'PMC_CHAOS_SCHEDULE',
  connections: 'PMC_CHAOS_CONNECTIONS',
  protocol: 'PMC_CHAOS_PROTOCOL',
  replayFrames: 'PMC_CHAOS_REPLAY_FRAMES',
  replaySpeed: 'PMC_CHAOS_REPLAY_SPEED',
};

export function readCommandLine(args: readonly string[], environment: Environment): Invocation {
  let text = '';
  const collect = (more: string): void => {
    text += more;
  };
  const command = new Command('chaos-socket')
    .description('A seeded chat source that knows exactly what it sent.')
    .option('--seed <integer>', 'seed of the plan (PMC_CHAOS_SEED); drawn when not given')
    .option('--profile <name>', 'behaviour profile (PMC_CHAOS_PROFILE), demo by default')
    .option(
      '--rate <number>',
      'events per second over all connections (PMC_CHAOS_RATE), instead of the pace of the profile',
    )
    .option('--minutes <number>', 'length of the plan (PMC_CHAOS_MINUTES); endless, or 10 with --plan-only')
    .option('--schedule <file>', 'YAML file with phases and faults (PMC_CHAOS_SCHEDULE)')
    .option('--connections <count>', 'simulated sources, each with its own path (PMC_CHAOS_CONNECTIONS)')
    .option('--protocol <name>', 'auto, legacy or pmc.v1 (PMC_CHAOS_PROTOCOL)')
    .option('--replay-frames <file>', 'send a recording instead of a plan (PMC_CHAOS_REPLAY_FRAMES)')
    .option('--replay-speed <factor>', 'times faster than recorded (PMC_CHAOS_REPLAY_SPEED)')
    .option('--replay-loop', 'begin the recording again when it ends (PMC_CHAOS_REPLAY_LOOP)')
    .option('--port <port>', 'WebSocket port (WS_PORT), 4001 by default')
    .option('--api-port <port>', 'port of the HTTP API (API_PORT), 9101 by default')
    .option('--plan-only', 'print the SHA-256 of the plan of all sources, in hex, and end')
    .exitOverride()
    .configureOutput({ writeOut: collect, writeErr: collect })
    .showHelpAfterError()
    .allowExcessArguments(false);
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { do: 'explain', text, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  const given: Record<string, string> = {};
  const options = command.opts<Record<string, string | boolean>>();
  for (const [name, value] of Object.entries(options)) {
    const variable = VARIABLES[name];
    if (variable !== undefined && typeof value === 'string') given[variable] = value;
  }
  if (options['replayLoop'] === true) given['PMC_CHAOS_REPLAY_LOOP'] = 'on';
  const merged = withOriginalNames({ ...environment, ...given });
  return { do: options['planOnly'] === true ? 'print-plan-hash' : 'serve', environment: merged };
}
