// The command line: `pmc <verb>`. It owns the process: environment, streams, exit code. Every verb is a file beside this
// one and a line in VERBS. Usage errors go to stderr with exit code 2; any other error is one line with its own code.
import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { describeError, PmcError } from '../../service/errors.ts';
import { noticeLostOutput } from '../../service/lost-output.ts';
import type { AddVerb, Cli } from './cli.ts';

// Loaded when they are asked for: the clients of the log alone cost more than most verbs take.
const VERBS: Readonly<Record<string, () => Promise<AddVerb>>> = {
  up: async () => (await import('./up.ts')).addUp,
  down: async () => (await import('./down.ts')).addDown,
  status: async () => (await import('./status.ts')).addStatus,
  service: async () => (await import('./service.ts')).addService,
  audit: async () => (await import('./audit.ts')).addAudit,
  replay: async () => (await import('./replay.ts')).addReplay,
  rows: async () => (await import('./rows-export.ts')).addRows,
  dlq: async () => (await import('./dlq.ts')).addDlq,
  chaos: async () => (await import('./chaos.ts')).addChaos,
  database: async () => (await import('./database.ts')).addDatabase,
  topics: async () => (await import('./topics.ts')).addTopics,
  schemas: async () => (await import('./schemas.ts')).addSchemas,
  token: async () => (await import('./token.ts')).addToken,
  kafka: async () => (await import('./kafka.ts')).addKafka,
};

const EXIT_CODES = `
Exit codes:
  0    ok
  1    failure
  2    usage or configuration
  3    findings
  4    refused: a precondition does not hold, or what was named does not exist
  5    unauthorised
  6    partial
  7    unreachable or timed out
  8    inconclusive
  130  interrupted`;

const USAGE_EXIT = 2;
const OUTPUT_LOST_EXIT = 1;

async function run(args: readonly string[], cli: Cli): Promise<number> {
  const program = new Command('pmc')
    .description('Personal Message Center: start it, look at it, operate it')
    .enablePositionalOptions()
    .exitOverride()
    .version(packageJson.version)
    .addHelpText('after', EXIT_CODES);
  for (const add of await verbsFor(args)) add(program, cli);
  hintAfterErrors(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has written its message and the usage; it calls everything 1 that was not asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT;
    for (const line of describeError(error).split('\n')) cli.stderr.write(`pmc: ${line}\n`);
    return error instanceof PmcError ? error.exitCode : 1;
  }
}

/** The verb that comes first, or all of them for whoever asks for help or mistypes one. */
async function verbsFor([first = '']: readonly string[]): Promise<readonly AddVerb[]> {
  const load = Object.hasOwn(VERBS, first) ? VERBS[first] : undefined;
  return await Promise.all(load === undefined ? Object.values(VERBS).map((one) => one()) : [load()]);
}

/** Of each verb its own usage: the whole help would hide the one line that says what is wrong. */
function hintAfterErrors(command: Command): void {
  command.showHelpAfterError(`usage: ${command.createHelp().commandUsage(command)} (--help says more)`);
  for (const verb of command.commands) hintAfterErrors(verb);
}

let outcome = 0;
let isOutputLost = false;
noticeLostOutput('pmc', process, () => {
  isOutputLost = true;
  process.exitCode = OUTPUT_LOST_EXIT;
});
const ended = await run(process.argv.slice(2), {
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  endWith: (exitCode) => {
    outcome = exitCode;
  },
});
process.exitCode = isOutputLost ? OUTPUT_LOST_EXIT : ended || outcome;
