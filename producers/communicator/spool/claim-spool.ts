// The spool of this communicator, and by it its name among several. With `auto` it is the first of communicator-1, -2, … whose
// spool nobody has open: whoever takes a dead one's place finds what that one left behind.
import { join } from 'node:path';
import { backoffMs, pause } from '../../../service/backoff.ts';
import { PmcError } from '../../../service/errors.ts';
import { makeFolder } from '../../../service/make-folder.ts';
import { SpoolThread } from './spool-thread.ts';

export const AUTO = 'auto';
const PLACES_MAX = 256;
/** Those who open a place in the same moment can lock it for each other, and nobody has it: they come again one by one. */
const AGAIN = { initialMs: 300, maxMs: 300 };

export interface ClaimedSpool {
  readonly instance: string;
  readonly thread: SpoolThread;
}

/** Throws PMC_SPOOL_IN_USE where the name is taken, PMC_SPOOL_UNREADABLE where the file is no spool. */
export async function claimSpool(
  { instance, spoolFolder }: { readonly instance: string; readonly spoolFolder: string },
  onFailure: (error: Error) => void,
): Promise<ClaimedSpool> {
  makeFolder(spoolFolder);
  if (instance !== AUTO) return await claim(instance, spoolFolder, onFailure);
  for (let place = 1; place < PLACES_MAX; place += 1) {
    try {
      return await claim(`communicator-${place}`, spoolFolder, onFailure);
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }
  return await claim(`communicator-${PLACES_MAX}`, spoolFolder, onFailure);
}

async function claim(instance: string, folder: string, onFailure: (error: Error) => void): Promise<ClaimedSpool> {
  try {
    return await open(instance, folder, onFailure);
  } catch (error) {
    if (!isInUse(error)) throw error;
  }
  await pause(backoffMs(1, AGAIN));
  return await open(instance, folder, onFailure);
}

function isInUse(error: unknown): boolean {
  return error instanceof PmcError && error.code === 'PMC_SPOOL_IN_USE';
}

async function open(instance: string, folder: string, onFailure: (error: Error) => void): Promise<ClaimedSpool> {
  // The name may be anything; the file's name must not lead anywhere else.
  const thread = new SpoolThread(join(folder, `${encodeURIComponent(instance)}.sqlite`), onFailure);
  try {
    await thread.call('state', {});
    return { instance, thread };
  } catch (error) {
    await thread.abandon();
    throw error;
  }
}
