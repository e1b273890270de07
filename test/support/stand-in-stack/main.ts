// `pmc up` with the real servers and stand-ins for the services, as a process of its own that a test may kill.

import { up } from '../../../operator/cli/up.ts';
import { SERVICE_NAMES, type ServiceName } from '../../../operator/supervisor/services.ts';
import { describeError, PmcError } from '../../../service/errors.ts';

const STAND_IN = 'test/support/stand-in-service/main.ts';
const mains = Object.fromEntries(SERVICE_NAMES.map((name) => [name, STAND_IN])) as Record<ServiceName, string>;
const nothing = async (): Promise<void> => undefined;
const cli = { environment: process.env, stdout: process.stdout, stderr: process.stderr, endWith: () => undefined };

try {
  await up(cli, { mains, bootstrap: { database: nothing, topics: nothing, schemas: nothing } });
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof PmcError ? error.exitCode : 1;
}
