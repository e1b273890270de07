// How programs of a terminal find the running stack: a private file in the state folder with its addresses and the token of the
// supervisor's control interface. It outlives the stack; whether that still runs is told by pid and start time.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { PmcError } from './errors.ts';
import { writePrivateFile } from './private-file.ts';
import { isAlive } from './process-identity.ts';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));

/** Where the state of a stack lies, as far as others than the stack itself look into it. */
export interface StackPlace {
  readonly home: string;
  /** Readable by its owner only. */
  readonly run: string;
  /** What the services were told by the registry, unless PMC_SCHEMA_CACHE names another folder. */
  readonly schemas: string;
}

const stackFileSchema = z.object({
  schemaVersion: z.literal(1),
  supervisor: z.object({ pid: z.number().int().positive(), startTime: z.string() }),
  control: z.object({ url: z.string(), token: z.string() }),
  /** The folder of the fetched servers that this stack uses. */
  artifacts: z.string(),
  addresses: z.object({ brokers: z.array(z.string()), registryUrl: z.string(), databaseUrl: z.string() }),
  /** Absent where a stack of an earlier version runs. */
  gateway: z.object({ url: z.string() }).optional(),
});

export type StackFile = Readonly<z.infer<typeof stackFileSchema>>;

const fileOf = ({ run }: StackPlace): string => join(run, 'stack.json');

/** `home` is what PMC_HOME says, if anything. */
export function stackPlace(home: string | undefined): StackPlace {
  const at = home === undefined ? join(PROJECT, '.pmc') : resolve(home);
  return { home: at, run: join(at, 'run'), schemas: join(at, 'schemas') };
}

export function writeStackFile(place: StackPlace, stack: StackFile): void {
  writePrivateFile(fileOf(place), `${JSON.stringify(stack, null, 2)}\n`);
}

/** The running stack of this state folder, or PMC_NO_STACK. */
export function runningStack(place: StackPlace): StackFile {
  const stack = lastStack(place);
  if (stack !== undefined && isAlive(stack.supervisor)) return stack;
  throw noStack(place);
}

export function noStack({ home }: Pick<StackPlace, 'home'>): PmcError {
  const message = `no stack runs on ${home}; start one with \`npm start\`, or set PMC_HOME to the folder of the one that runs`;
  return new PmcError('PMC_NO_STACK', message, { home });
}

/** The stack that was last started on this state folder, whether or not it still runs. */
export function lastStack(place: StackPlace): StackFile | undefined {
  try {
    return stackFileSchema.parse(JSON.parse(readFileSync(fileOf(place), 'utf8')));
  } catch {
    return undefined;
  }
}
