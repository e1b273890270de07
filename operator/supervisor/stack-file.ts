// How the command line finds the running stack: a private file in the state folder with the address and the token of the
// supervisor's control interface. It outlives the stack; whether that still runs is told by pid and start time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { StateFolder } from '../../compose/embedded/state-folder.ts';
import { isAlive } from '../../compose/processes/process-identity.ts';
import { PmcError } from '../../service/errors.ts';
import { writePrivateFile } from '../../service/private-file.ts';

const stackFileSchema = z.object({
  schemaVersion: z.literal(1),
  supervisor: z.object({ pid: z.number().int().positive(), startTime: z.string() }),
  control: z.object({ url: z.string(), token: z.string() }),
  /** The folder of the fetched servers that this stack uses. */
  artifacts: z.string(),
  addresses: z.object({ brokers: z.array(z.string()), registryUrl: z.string(), databaseUrl: z.string() }),
});

export type StackFile = Readonly<z.infer<typeof stackFileSchema>>;

const fileOf = ({ run }: StateFolder): string => join(run, 'stack.json');

export function writeStackFile(folder: StateFolder, stack: StackFile): void {
  writePrivateFile(fileOf(folder), `${JSON.stringify(stack, null, 2)}\n`);
}

/** The running stack of this state folder, or PMC_NO_STACK. */
export function runningStack(folder: StateFolder): StackFile {
  const stack = lastStack(folder);
  if (stack !== undefined && isAlive(stack.supervisor)) return stack;
  const message = `no stack runs on ${folder.home}; start one with \`npm start\`, or set PMC_HOME to the folder of the one that runs`;
  throw new PmcError('PMC_NO_STACK', message, { home: folder.home });
}

/** The stack that was last started on this state folder, whether or not it still runs. */
export function lastStack(folder: StateFolder): StackFile | undefined {
  try {
    return stackFileSchema.parse(JSON.parse(readFileSync(fileOf(folder), 'utf8')));
  } catch {
    return undefined;
  }
}
