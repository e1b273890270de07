// Where everything that a stack keeps lies, under one state folder.
import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PmcError } from '../../service/errors.ts';
import { makeFolder } from '../../service/make-folder.ts';
import { type StackPlace, stackPlace } from '../../service/stack-file.ts';

export interface StateFolder extends StackPlace {
  readonly artifacts: string;
  readonly logs: string;
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
  const place = stackPlace(home);
  const { home: at } = place;
  return {
    ...place,
    artifacts: artifacts === undefined ? join(at, 'artifacts') : resolve(artifacts),
    logs: join(at, 'logs'),
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
