// What a verb gets from pmc.ts, so that it touches neither the process nor its environment itself.
import type { Command } from 'commander';
import type { Environment } from '../../service/config.ts';

export interface Cli {
  readonly environment: Environment;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** For an outcome that is not an error, such as findings (3). */
  endWith(exitCode: number): void;
}

/** Adds one verb with its flags and help to the program. */
export type AddVerb = (program: Command, cli: Cli) => void;
