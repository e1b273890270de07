// docs/configuration.md; pure.
import type { Setting, Settings } from '../../service/config.ts';
import { code, GENERATED_NOTE, table } from './markdown.ts';
import type { Room } from './rooms.ts';

const OPENING = `# Configuration

Everything is set by environment variables; there is no configuration file. A value that is not allowed ends the program
with exit code 2 and one message that names every wrong variable, its value and what is allowed. An empty variable counts
as not set. Secrets are never printed.
`;

const STACK_OPENING = `## \`npm start\` and \`pmc\`

Read by the supervisor, which starts the servers and the services and hands each service what it needs. All default ports
move together with \`PMC_PORT_OFFSET\`; a port that is set itself does not move.
`;

const SERVICES_OPENING = `## Services

Read by each service. Under \`npm start\` the supervisor supplies the required ones (addresses, ports, tokens) and passes
the others on; whoever runs a service in another way sets them directly.
`;

const TERMINAL_OPENING = `## \`npm run client\`

Read by the client on a terminal. \`--url\` comes before all of them but the token; a port that is set comes before the running stack of PMC_HOME, and
that before the default.
`;

/** A text that no setting allows unless it allows every text. */
const IMPOSSIBLE = '\u0000';

export function configurationPage(stack: Settings, terminal: Settings, services: readonly Room[]): string {
  const byMeaning = new Map<string, { setting: Setting<unknown>; readers: string[] }>();
  for (const { name, settings } of services) {
    for (const setting of Object.values(settings)) {
      const key = JSON.stringify([setting.variable, setting.description, setting.defaultText]);
      const known = byMeaning.get(key) ?? { setting, readers: [] };
      known.readers.push(name);
      byMeaning.set(key, known);
    }
  }
  const serviceRows = [...byMeaning.values()].map(({ setting, readers }) => [
    code(setting.variable),
    setting.description,
    allowedBy(setting),
    defaultOf(setting),
    readers.length === services.length ? 'all' : readers.join(', '),
  ]);
  const head = ['Variable', 'Meaning', 'Allowed', 'Default'];
  return [
    OPENING,
    GENERATED_NOTE,
    STACK_OPENING,
    table(head, sorted(rowsOf(stack))),
    TERMINAL_OPENING,
    table(head, sorted(rowsOf(terminal))),
    SERVICES_OPENING,
    table([...head, 'Read by'], sorted(serviceRows)),
  ].join('\n');
}

function rowsOf(settings: Settings): readonly (readonly string[])[] {
  return Object.values(settings).map((one) => [code(one.variable), one.description, allowedBy(one), defaultOf(one)]);
}

/** What a setting says when it is given something that it does not allow. */
function allowedBy({ schema }: Setting<unknown>): string {
  const result = schema.safeParse(IMPOSSIBLE);
  if (result.success) return 'any text';
  return result.error.issues.map(({ message }) => message.replace(/^must be /, '')).join('; ');
}

function defaultOf({ defaultText, secret }: Setting<unknown>): string {
  const text = defaultText === 'none' || defaultText === 'required' ? defaultText : code(defaultText);
  return secret === true ? `${text} (secret)` : text;
}

function sorted(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...rows].sort(([a = ''], [b = '']) => (a < b ? -1 : a > b ? 1 : 0));
}
