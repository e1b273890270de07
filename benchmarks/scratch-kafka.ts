// A broker of its own for a benchmark of the log: Kafka alone, in a scratch folder, on free ports, stopped and deleted at the
// end, and when the benchmark is told to end. Kafka's own tools, which are measured as peers, come from the same jars. Fetched
// jars are shared with the project's own state folder.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completeArtifact, KAFKA_ARTIFACT } from '../compose/embedded/artifacts.ts';
import { stackSettings } from '../compose/embedded/config.ts';
import { EmbeddedStack } from '../compose/embedded/embedded-stack.ts';
import { javaProgram } from '../compose/embedded/preflight-probe.ts';
import { createStateFolder, stateFolder } from '../compose/embedded/state-folder.ts';
import { Children } from '../compose/processes/children.ts';
import { type Guard, startGuard } from '../compose/processes/guard.ts';
import { createProgress } from '../compose/processes/progress.ts';
import { type Environment, readSettings } from '../service/config.ts';
import { freePorts } from '../test/support/free-ports.ts';

const ARTIFACTS = fileURLToPath(new URL('../.pmc/artifacts', import.meta.url));
const LOG_CONFIGURATION = fileURLToPath(new URL('../compose/embedded/tools-log4j2.properties', import.meta.url));
/** As the scripts that come with Kafka start its performance tools. */
const JAVA_FLAGS = ['-Xmx512m', '-XX:+UseG1GC', '-Djava.awt.headless=true'];
const CLOSE_DEADLINE_MS = 5_000;
const INTERRUPTED_EXIT = 130;

export interface ScratchKafka {
  readonly broker: string;
  /** Runs one of Kafka's own tools against the broker to its end; returns what it printed. */
  runTool(tool: string, args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startScratchKafka(inherited: Environment): Promise<ScratchKafka> {
  const home = mkdtempSync(join(tmpdir(), 'pmc-bench-'));
  const [kafkaPort, controllerPort] = await freePorts(2);
  const config = readSettings(
    {
      PMC_HOME: home,
      PMC_ARTIFACTS: inherited['PMC_ARTIFACTS'] ?? ARTIFACTS,
      JAVA_HOME: inherited['JAVA_HOME'],
      PMC_KAFKA_PORT: String(kafkaPort),
      PMC_KAFKA_CONTROLLER_PORT: String(controllerPort),
    },
    stackSettings(0),
  );
  const environment = { PATH: inherited['PATH'], HOME: inherited['HOME'], JAVA_HOME: inherited['JAVA_HOME'] };
  const folder = stateFolder(config);
  createStateFolder(folder);
  const registerFile = join(folder.run, 'processes.json');
  const children = new Children({ registerFile, logsFolder: folder.logs });
  const stack = new EmbeddedStack({ config, folder, children, environment, progress: createProgress(process.stderr) });
  let guard: Guard | undefined;
  let tools = 0;
  const stop = async (): Promise<void> => {
    await stack.stop();
    await children.close({ deadlineMs: CLOSE_DEADLINE_MS });
    await guard?.dismiss();
    rmSync(home, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(INTERRUPTED_EXIT)));
  }
  try {
    // Should the benchmark be killed, its warden ends the broker.
    guard = await startGuard({ registerFile, logFile: join(folder.logs, 'warden.log') }, environment);
    await stack.start('kafka');
    const [broker] = stack.addresses.brokers;
    const jarsFolder = completeArtifact(folder.artifacts, KAFKA_ARTIFACT);
    if (broker === undefined || jarsFolder === undefined) throw new Error('the broker runs without an address or jars');
    const flags = [...JAVA_FLAGS, `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`, '-cp', join(jarsFolder, '*')];
    const command = javaProgram(config.javaHome);
    const runTool = async (tool: string, own: readonly string[]): Promise<string> => {
      tools += 1;
      const name = `tool-${tools}`;
      const args = [...flags, `org.apache.kafka.tools.${tool}`, '--bootstrap-server', broker, ...own];
      const child = children.start({ name, stage: 'task', command, args, environment });
      const { succeeded, reason } = await child.exited;
      const output = readFileSync(child.logFile, 'utf8');
      if (!succeeded) throw new Error(`${tool} ended with ${reason}:\n${output}`);
      return output;
    };
    return { broker, runTool, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
