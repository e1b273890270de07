// Holds the real servers of one test run: Kafka, registry and PostgreSQL on free ports with all data in a scratch folder,
// with topics, schemas and tables made. It lives as long as the channel to its parent: then it stops the servers and
// deletes the folder. Should it be killed itself, its warden ends the servers.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stackSettings } from '../../compose/embedded/config.ts';
import { type Addresses, EmbeddedStack, isFetchNeeded, stackPorts } from '../../compose/embedded/embedded-stack.ts';
import { javaProgram, preflight } from '../../compose/embedded/preflight-probe.ts';
import { createStateFolder, stateFolder } from '../../compose/embedded/state-folder.ts';
import { Children } from '../../compose/processes/children.ts';
import { type Guard, startGuard } from '../../compose/processes/guard.ts';
import { createProgress } from '../../compose/processes/progress.ts';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { registerSchemas } from '../../kafka/schema-registration.ts';
import { migrateDatabase } from '../../schemas/database/migrate.ts';
import { type Environment, readSettings } from '../../service/config.ts';
import { describeError } from '../../service/errors.ts';
import { freePorts } from './free-ports.ts';

export interface StackMessage extends Addresses {
  readonly artifacts: string;
}

const CLOSE_DEADLINE_MS = 5_000;
const SHARED_ARTIFACTS = fileURLToPath(new URL('../../.pmc/artifacts', import.meta.url));

// Ctrl-C reaches the whole group: the parent decides when the servers are no longer needed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
const parentGone = new Promise<void>((resolve) => process.once('disconnect', resolve));

const home = mkdtempSync(join(tmpdir(), 'pmc-test-'));
// When this runs as root, PostgreSQL runs as another user, who must be able to pass.
chmodSync(home, 0o711);
const environment = inherited(process.env);
const [kafkaPort, controllerPort, registryPort, databasePort] = await freePorts(4);
const config = readSettings(
  {
    PMC_HOME: home,
    PMC_ARTIFACTS: process.env['PMC_ARTIFACTS'] ?? SHARED_ARTIFACTS,
    JAVA_HOME: environment['JAVA_HOME'],
    PMC_KAFKA_PORT: String(kafkaPort),
    PMC_KAFKA_CONTROLLER_PORT: String(controllerPort),
    PMC_REGISTRY_PORT: String(registryPort),
    PMC_DATABASE_PORT: String(databasePort),
  },
  stackSettings(0),
);
const folder = stateFolder(config);
createStateFolder(folder);
const registerFile = join(folder.run, 'processes.json');
const children = new Children({ registerFile, logsFolder: folder.logs });
const progress = createProgress(process.stderr);
const stack = new EmbeddedStack({ config, folder, children, environment, progress });
let guard: Guard | undefined;

try {
  const needs = { servers: true, java: true, maven: isFetchNeeded(config, folder), home: folder.home };
  await preflight({ java: javaProgram(config.javaHome), ports: stackPorts(config), environment }, needs);
  guard = await startGuard({ registerFile, logFile: join(folder.logs, 'warden.log') }, environment);
  const { brokers, registryUrl, databaseUrl } = stack.addresses;
  await Promise.all([
    stack.start('postgres').then(async () => await migrateDatabase(databaseUrl)),
    stack.start('kafka').then(async () => await ensureTopics({ brokers })),
    stack.start('registry').then(async () => await registerSchemas(registryUrl)),
  ]);
  process.send?.({ brokers, registryUrl, databaseUrl, artifacts: folder.artifacts } satisfies StackMessage);
  await parentGone;
} catch (error) {
  process.stderr.write(`test servers: ${describeError(error)}\n`);
  process.exitCode = 1;
} finally {
  await stack.stop();
  await children.close({ deadlineMs: CLOSE_DEADLINE_MS });
  await guard?.dismiss();
  rmSync(home, { recursive: true, force: true });
}
process.exit();

/** What the servers and Maven may see: not the addresses of a stack that the developer runs, nor that this is a test. */
function inherited(own: Environment): Environment {
  const hidden = /^(PMC_|VITEST|DATABASE_URL$|NODE_ENV$|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(own).filter(([name]) => !hidden.test(name)));
}
