// Servers of its own for a benchmark: those of the embedded stack that it needs, in a scratch folder, on free ports, stopped and
// deleted at the end, and when the benchmark is told to end. What was fetched is shared with the project's own state folder.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Artifact, ensureArtifact } from '../compose/embedded/artifacts.ts';
import { stackSettings } from '../compose/embedded/config.ts';
import { type Addresses, EmbeddedStack, type ServerName } from '../compose/embedded/embedded-stack.ts';
import { superuserUrlOf } from '../compose/embedded/postgres-server.ts';
import { javaProgram } from '../compose/embedded/preflight-probe.ts';
import { createStateFolder, stateFolder } from '../compose/embedded/state-folder.ts';
import { type Child, Children, type ChildSpec } from '../compose/processes/children.ts';
import { type Guard, startGuard } from '../compose/processes/guard.ts';
import { createProgress } from '../compose/processes/progress.ts';
import { type Environment, readSettings } from '../service/config.ts';
import { freePorts } from '../test/support/free-ports.ts';

const ARTIFACTS = fileURLToPath(new URL('../.pmc/artifacts', import.meta.url));
const CLOSE_DEADLINE_MS = 5_000;
const INTERRUPTED_EXIT = 130;

export interface ScratchServers {
  readonly addresses: Addresses;
  /** Deleted at the end. */
  readonly home: string;
  /** PostgreSQL's superuser in the services' database. */
  readonly superuserUrl: string;
  /** The java program. */
  readonly java: string;
  /** Returns the artifact's folder, fetching it where it is missing. */
  fetch(artifact: Artifact): Promise<string>;
  /** Starts a process that ends with the servers, at the latest. */
  launch(spec: Omit<ChildSpec, 'environment' | 'stage'>): Child;
  /** Runs a process to its end; returns what it printed. */
  run(spec: Omit<ChildSpec, 'environment' | 'stage'>): Promise<string>;
  stop(): Promise<void>;
}

export async function startScratchServers(
  inherited: Environment,
  names: readonly ServerName[],
): Promise<ScratchServers> {
  const home = mkdtempSync(join(tmpdir(), 'pmc-bench-'));
  // When this runs as root, PostgreSQL runs as another user, who must be able to pass.
  chmodSync(home, 0o711);
  const [kafkaPort, controllerPort, registryPort, databasePort] = await freePorts(4);
  const config = readSettings(
    {
      PMC_HOME: home,
      PMC_ARTIFACTS: inherited['PMC_ARTIFACTS'] ?? ARTIFACTS,
      JAVA_HOME: inherited['JAVA_HOME'],
      PMC_KAFKA_PORT: String(kafkaPort),
      PMC_KAFKA_CONTROLLER_PORT: String(controllerPort),
      PMC_REGISTRY_PORT: String(registryPort),
      PMC_DATABASE_PORT: String(databasePort),
    },
    stackSettings(0),
  );
  const environment = { PATH: inherited['PATH'], HOME: inherited['HOME'], JAVA_HOME: inherited['JAVA_HOME'] };
  const folder = stateFolder(config);
  createStateFolder(folder);
  const registerFile = join(folder.run, 'processes.json');
  const children = new Children({ registerFile, logsFolder: folder.logs });
  const progress = createProgress(process.stderr);
  const stack = new EmbeddedStack({ config, folder, children, environment, progress });
  let guard: Guard | undefined;
  const stop = async (): Promise<void> => {
    await stack.stop();
    await children.close({ deadlineMs: CLOSE_DEADLINE_MS });
    await guard?.dismiss();
    rmSync(home, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(INTERRUPTED_EXIT)));
  }
  const launch = (spec: Omit<ChildSpec, 'environment' | 'stage'>): Child =>
    children.start({ ...spec, stage: 'task', environment });
  try {
    // Should the benchmark be killed, its warden ends the servers.
    guard = await startGuard({ registerFile, logFile: join(folder.logs, 'warden.log') }, environment);
    await Promise.all(names.map((name) => stack.start(name)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    addresses: stack.addresses,
    home,
    superuserUrl: superuserOf(folder.secrets, stack.addresses.databaseUrl),
    java: javaProgram(config.javaHome),
    fetch: (artifact) =>
      ensureArtifact(artifact, { artifactsFolder: folder.artifacts, children, environment, progress }),
    launch,
    run: async (spec) => {
      const child = launch(spec);
      const { succeeded, reason } = await child.exited;
      const output = readFileSync(child.logFile, 'utf8');
      if (!succeeded) throw new Error(`${spec.name} ended with ${reason}:\n${output}`);
      return output;
    },
    stop,
  };
}

function superuserOf(secretsFolder: string, databaseUrl: string): string {
  const { port, pathname } = new URL(databaseUrl);
  const url = new URL(superuserUrlOf(secretsFolder, Number(port)));
  url.pathname = pathname;
  return url.href;
}
