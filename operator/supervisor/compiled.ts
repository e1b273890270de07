// What Node has compiled of the services (NODE_COMPILE_CACHE): a folder for each version, which no other version reads. Those of other
// versions are swept when the stack starts, else each update would leave ten megabytes. Nothing is lost that is not made again: whoever
// still runs such a version, or sweeps at the same moment, notices nothing.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** As Node names them: its version, the machine's architecture, what V8 goes by, and the user. */
const NAME = /^v\d+\.\d+\.\d+-.+-[0-9a-f]{8}(-\d+)?$/;

export async function sweepCompiled(folder: string, version = process.version): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const swept = names.filter((name) => NAME.test(name) && !name.startsWith(`${version}-`));
  // What cannot be removed, e.g. another user's, is no reason not to start.
  await Promise.allSettled(swept.map(async (name) => await rm(join(folder, name), { recursive: true, force: true })));
}
