// `pmc token create|list|revoke`: who may connect to the gateway and open the console. A token goes to stdout, alone, so that it
// can be put where it belongs by a pipe; what is said about it goes to stderr.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readSettings } from '../../service/config.ts';
import { checkDatabase, createPool, databaseSettings, type Pool } from '../../service/database.ts';
import { createLogger } from '../../service/logger.ts';
import { TOKEN_ROLES, type TokenRole } from '../../service/token-format.ts';
import { createToken, listTokens, revokeToken, type StoredToken } from '../../service/token-store.ts';
import type { Cli } from './cli.ts';
import { durationMs } from './duration.ts';
import { serverEnvironment } from './server-environment.ts';
import { createdText, tokensText } from './token-text.ts';

const NAME_CHARS_MAX = 128;
const NOTE_CHARS_MAX = 500;
const SCHEMA_VERSION = 1;

interface CreateFlags {
  readonly role: TokenRole;
  readonly subject: string;
  readonly expires?: number;
  readonly note?: string;
  readonly json?: boolean;
}

export function addToken(program: Command, cli: Cli): void {
  const token = program
    .command('token')
    .description('who may connect to the gateway and open the console (DATABASE_URL, else the running stack)');
  token
    .command('create')
    .description('make a token and print it, this once')
    .addOption(
      new Option(
        '--role <role>',
        'user and source connect to the gateway, viewer opens the console, operator and admin both',
      )
        .choices(TOKEN_ROLES)
        .makeOptionMandatory(),
    )
    .requiredOption('--subject <name>', 'whose it is', textUpTo(NAME_CHARS_MAX))
    .option('--expires <duration>', 'end it after this time, such as 12h or 30d; else it lasts until revoked', span)
    .option('--note <text>', 'what it is for', textUpTo(NOTE_CHARS_MAX))
    .option('--json', 'token and details as one JSON document on stdout')
    .action((flags: CreateFlags) => create(flags, cli));
  token
    .command('list')
    .description('show tokens, without what they are')
    .option('--all', 'also those that have expired or were revoked')
    .option('--json', 'as one JSON document')
    .action(async ({ all, json }: { all?: boolean; json?: boolean }) => {
      const tokens = await onDatabase(cli, (pool) => listTokens(pool, { withEnded: all ?? false }));
      cli.stdout.write(json ? `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, tokens })}\n` : tokensText(tokens));
    });
  token
    .command('revoke')
    .description('end a token: within five seconds its connections are closed')
    .argument('<id>', 'its id, as `pmc token list` shows it')
    .option('--json', 'what became of it as one JSON document')
    .action(async (id: string, { json }: { json?: boolean }) => {
      const revoked = await onDatabase(cli, (pool) => revokeToken(pool, id));
      cli.stdout.write(json ? documentOf(revoked) : `${revoked.id} of ${revoked.subject} revoked\n`);
    });
}

async function create({ role, subject, expires, note, json }: CreateFlags, cli: Cli): Promise<void> {
  const made = await onDatabase(cli, (pool) => createToken(pool, { role, subject, expiresInMs: expires, note }));
  if (json) {
    cli.stdout.write(documentOf({ token: made.token, ...made.stored }));
    return;
  }
  cli.stderr.write(createdText(made.stored));
  cli.stdout.write(`${made.token}\n`);
}

async function onDatabase<T>(cli: Cli, work: (pool: Pool) => Promise<T>): Promise<T> {
  const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
  const pool = createPool(databaseUrl, createLogger('token', 'silent'), 1);
  try {
    await checkDatabase(pool, databaseUrl);
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function documentOf(token: StoredToken & { readonly token?: string }): string {
  return `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...token })}\n`;
}

function textUpTo(charsMax: number): (text: string) => string {
  return (text) => {
    // Control characters would break the lines of a list, and U+0000 the database.
    if (text.trim() !== '' && text.length <= charsMax && !/\p{Cc}/u.test(text)) return text;
    throw new InvalidArgumentError(`It must be a text of 1 to ${charsMax} characters without control characters.`);
  };
}

function span(text: string): number {
  const spanMs = durationMs(text);
  if (spanMs !== undefined) return spanMs;
  throw new InvalidArgumentError('It must be a whole number with s, m, h or d, such as 12h or 30d; ten years at most.');
}
