// Which state folder a command speaks about, and the stack that runs on it.
import { stackSettings } from '../../compose/embedded/config.ts';
import { type StateFolder, stateFolder } from '../../compose/embedded/state-folder.ts';
import { readSettings } from '../../service/config.ts';
import { runningStack, type StackFile } from '../../service/stack-file.ts';
import { portOffsetOf } from '../../service/stack-settings.ts';
import type { Cli } from './cli.ts';

export function stateFolderOf({ environment }: Cli): StateFolder {
  const { home, artifacts } = stackSettings(portOffsetOf(environment));
  return stateFolder(readSettings(environment, { home, artifacts }));
}

/** Throws PMC_NO_STACK where none runs. */
export function stackOf(cli: Cli): StackFile {
  return runningStack(stateFolderOf(cli));
}
