// The flags of the client on a terminal. Pure: arguments and environment in, what to do out.
import { Command, CommanderError, InvalidArgumentError } from 'commander';

export interface ClientSettings {
  /** Undefined: where the environment or the running stack says. */
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly stream: string | undefined;
  /** A file; undefined: in memory. */
  readonly store: string | undefined;
  readonly chat: string;
  readonly sender: string;
  readonly isJson: boolean;
  readonly waitMs: number;
  /** Undefined: it never gives up. */
  readonly giveUpMs: number | undefined;
}

export type Invocation =
  | { readonly do: 'run'; readonly settings: ClientSettings }
  /** Usage or help to print, and the exit code. */
  | { readonly do: 'explain'; readonly text: string; readonly exitCode: 0 | 2 };

const AFTER = `
Each line of the input is a message; one that begins with { is an event as a JSON object, e.g. {"event":"read","reader":"ann","chat":"c","message_id":"m"}.
Each acknowledgement is a line on the output, with the topic, partition and offset at which the event now is; so is each reply, with
the line that it answers where the acknowledgement of that one is not right above it.

What is not acknowledged is sent again over the next connection, for as long as it takes (or as --wait or --give-up says). With --store
it survives the end of this program: run it again with the same file. Without, it ends with this program.

The gateway wants a token, from \`npm run -s pmc -- token create --role user --subject NAME\`. Like pmc, this finds the stack that runs on
.pmc, or on the folder in PMC_HOME. PMC_GATEWAY_PORT names a port of this machine instead; where no stack runs PMC_PORT_OFFSET moves 4000.

Exit codes: 0 all acknowledged, 2 usage, 4 nothing was taken or the gateway wants no more, 5 unauthorised, 6 some events refused,
7 no gateway, or nothing acknowledged in the time that --wait or --give-up allows, 130 interrupted.

  $ echo /ping | PMC_TOKEN=T npm run -s client -- --wait 5
  $ PMC_TOKEN=T npm run -s client -- --store .pmc/my-events.db < events.jsonl`;

export function readCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Invocation {
  let text = '';
  const collect = (more: string): void => {
    text += more;
  };
  const command = new Command('client')
    .description('Sends chat events to the gateway and says where on the log they are; prints the replies.')
    .option(
      '--url <url>',
      'address of the gateway; else that of PMC_GATEWAY_PORT, of the running stack, or ws://127.0.0.1:4000',
    )
    .option('--token <token>', 'access token; better in the environment (PMC_TOKEN), where `ps` does not show it')
    .option('--stream <name>', 'name of what this client counts; drawn, and kept in the store, when not given')
    .option('--store <file>', 'keeps events that are not acknowledged, and the position of replies')
    .option('--chat <id>', 'chat of plain messages', 'terminal')
    .option('--sender <name>', 'sender of plain messages', 'terminal')
    .option('--json', 'one JSON object for each acknowledgement, refusal and reply', false)
    .option(
      '--wait <seconds>',
      'after the end of the input, how long to wait for acknowledgements, then for replies',
      seconds,
      0,
    )
    .option(
      '--give-up <seconds>',
      'end when nothing was acknowledged for so long; as --wait by default, without it never',
      seconds,
    )
    .addHelpText('after', AFTER)
    .exitOverride()
    .configureOutput({ writeOut: collect, writeErr: collect })
    .showHelpAfterError('Run with --help for the flags.')
    .allowExcessArguments(false);
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { do: 'explain', text, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  const given = command.opts<{
    url?: string;
    token?: string;
    stream?: string;
    store?: string;
    chat: string;
    sender: string;
    json: boolean;
    wait: number;
    giveUp?: number;
  }>();
  const { url, token = environment['PMC_TOKEN'] || undefined, stream, store, chat, sender, json, wait, giveUp } = given;
  return {
    do: 'run',
    settings: { url, token, stream, store, chat, sender, isJson: json, waitMs: wait, giveUpMs: giveUp },
  };
}

/** In milliseconds. */
function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0 || value > 86_400)
    throw new InvalidArgumentError('a number of seconds from 0 to 86400');
  return value * 1_000;
}
