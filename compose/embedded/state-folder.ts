// Where everything that a stack keeps lies, under one state folder.
import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PmcError } from '../../service/errors.ts';
import { makeFolder } from '../../service/make-folder.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

export interface StateFolder {
  readonly home: string;
  readonly artifacts: string;
  readonly logs: string;
  /** Readable by its owner only. */
  readonly run: string;
  readonly secrets: string;
  readonly kafka: string;
  readonly registry: string;
  readonly postgres: string;
}

export function stateFolder({
  home,
  artifacts,
}: {
  home: string | undefined;
  artifacts: string | undefined;
}): StateFolder {
  const at = home === undefined ? join(PROJECT, '.pmc') : resolve(home);
  return {
    home: at,
    artifacts: artifacts === undefined ? join(at, 'artifacts') : resolve(artifacts),
    logs: join(at, 'logs'),
    run: join(at, 'run'),
    secrets: join(at, 'secrets'),
    kafka: join(at, 'kafka'),
    registry: join(at, 'registry'),
    postgres: join(at, 'postgres'),
  };
}

export function createStateFolder(folder: StateFolder): void {
  try {
    makeFolder(folder.home);
  } catch (cause) {
    const message = `cannot make the state folder ${folder.home}; set PMC_HOME to a folder that you may write to`;
    throw new PmcError('PMC_PREFLIGHT_FAILED', message, { home: folder.home }, { cause });
  }
  for (const path of [folder.run, folder.secrets]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
  }
  mkdirSync(folder.logs, { recursive: true });
}
