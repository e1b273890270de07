// `pmc kafka <tool> …`: Kafka's own command line tools, from the same jars as the embedded broker, with the address of the
// running stack filled in. Everything after the tool's name goes to it unchanged, and so does its exit code.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { completeArtifact, ensureArtifact, KAFKA_ARTIFACT } from '../../compose/embedded/artifacts.ts';
import { stackSettings } from '../../compose/embedded/config.ts';
import { javaProgram } from '../../compose/embedded/preflight-probe.ts';
import { createStateFolder } from '../../compose/embedded/state-folder.ts';
import { Children } from '../../compose/processes/children.ts';
import { createProgress } from '../../compose/processes/progress.ts';
import { clusterAccess } from '../../kafka/client-options.ts';
import { clusterSettings } from '../../kafka/config.ts';
import { checkCluster } from '../../kafka/connect.ts';
import { readSettings } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { writePrivateFile } from '../../service/private-file.ts';
import { lastStack } from '../../service/stack-file.ts';
import { portOffsetOf } from '../../service/stack-settings.ts';
import type { Cli } from './cli.ts';
import { clientProperties } from './client-properties.ts';
import { ENDING_SIGNALS, onEndingSignals } from './ending-signals.ts';
import { stackOf, stateFolderOf } from './stack-access.ts';

const CLIENT_ID = 'pmc-kafka';
const INTERRUPTED_EXIT = 130;
const LOG_CONFIGURATION = fileURLToPath(new URL('../../compose/embedded/tools-log4j2.properties', import.meta.url));

/** The tools' options for a file with a login. */
const OWN_LOGIN = ['--command-config', '--consumer.config', '--producer.config'];
/** And those that may name a part of one. */
const OWN_PROPERTIES = ['--command-property', '--consumer-property', '--producer-property'];

const TOOLS: Readonly<Record<string, string>> = {
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  topics: 'org.apache.kafka.tools.TopicCommand',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  configs: 'kafka.admin.ConfigCommand',
};

export function addKafka(program: Command, cli: Cli): void {
  program
    .command('kafka')
    .description("run one of Kafka's own tools against the running stack (or PMC_KAFKA_BROKERS)")
    .argument('<tool>', `one of: ${Object.keys(TOOLS).join(', ')}`)
    .argument('[arguments...]', "the tool's own arguments; --bootstrap-server is filled in")
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (tool: string, args: string[], _options: unknown, command: Command) => {
      const mainClass = Object.hasOwn(TOOLS, tool) ? TOOLS[tool] : undefined;
      if (mainClass === undefined)
        command.error(`error: unknown tool '${tool}'; known: ${Object.keys(TOOLS).join(', ')}`);
      else cli.endWith(await runTool(mainClass, args, cli));
    });
}

async function runTool(mainClass: string, args: readonly string[], cli: Cli): Promise<number> {
  const { javaHome, brokers } = stackSettings(portOffsetOf(cli.environment));
  const { brokers: _required, ...access } = clusterSettings;
  const config = readSettings(cli.environment, { ...access, javaHome, brokers });
  const needsNoBroker = args.includes('--help') || args.includes('--version');
  const named = valueOf('--bootstrap-server', args);
  const dialled =
    named === undefined ? (config.brokers ?? (needsNoBroker ? [] : stackOf(cli).addresses.brokers)) : named.split(',');
  const hasOwnLogin = OWN_LOGIN.some((option) => valueOf(option, args) !== undefined);
  // The tools themselves try for a minute, and then do not say where. With a login of its own only the tool can ask.
  const hasOwnProperties = OWN_PROPERTIES.some((option) => valueOf(option, args) !== undefined);
  if (!needsNoBroker && !hasOwnLogin && !hasOwnProperties)
    await checkCluster({ config: { ...config, brokers: dialled }, clientId: CLIENT_ID });
  const where = needsNoBroker || named !== undefined ? [] : ['--bootstrap-server', dialled.join(',')];
  const properties = clientProperties(clusterAccess({ ...config, brokers: [] }, CLIENT_ID));
  const java = javaProgram(config.javaHome);
  const flags = [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`,
  ];
  const line = [...flags, '-cp', join(await jarsFolder(cli), '*'), mainClass, ...where];
  let tool: ChildProcess | undefined;
  // Ctrl-C reaches the tool as well, from the terminal; this process waits for its end.
  const pass = (signal: NodeJS.Signals): void => void (signal !== 'SIGINT' && tool?.kill(signal));
  return await onEndingSignals(pass, async () => {
    const login = needsNoBroker || hasOwnLogin || properties === '' ? undefined : privateProperties(properties);
    try {
      tool = spawn(java, [...line, ...(login?.flags ?? []), ...args], {
        stdio: 'inherit',
        env: { ...cli.environment },
      });
      return await endOf(tool, java);
    } finally {
      login?.remove();
    }
  });
}

/** Of an option of Kafka's tools, which take `--name value` and `--name=value`. */
function valueOf(option: string, args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg === option || arg.startsWith(`${option}=`));
  const arg = args[at];
  return arg === option ? (args[at + 1] ?? '') : arg?.slice(option.length + 1);
}

/** A password does not belong on a command line, where every user of the machine can read it. */
function privateProperties(text: string): { readonly flags: readonly string[]; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-kafka-'));
  const file = join(folder, 'client.properties');
  writePrivateFile(file, text);
  return { flags: ['--command-config', file], remove: () => rmSync(folder, { recursive: true, force: true }) };
}

async function jarsFolder(cli: Cli): Promise<string> {
  const folder = stateFolderOf(cli);
  const artifactsFolder = cli.environment['PMC_ARTIFACTS']
    ? folder.artifacts
    : (lastStack(folder)?.artifacts ?? folder.artifacts);
  const complete = completeArtifact(artifactsFolder, KAFKA_ARTIFACT);
  if (complete !== undefined) return complete;
  createStateFolder(folder);
  const registerFile = join(folder.run, `tool-${process.pid}.json`);
  const progress = createProgress(cli.stderr);
  const children = new Children({ registerFile, logsFolder: folder.logs, note: (line) => progress.note(line) });
  const fetch = { artifactsFolder, children, environment: cli.environment, progress };
  let interruption: PmcError | undefined;
  const interrupt = (): void => {
    interruption = new PmcError('PMC_INTERRUPTED', "the fetch of Kafka's tools was interrupted");
    void children.close({ deadlineMs: 0 });
  };
  try {
    const fetched = await onEndingSignals(interrupt, () => ensureArtifact(KAFKA_ARTIFACT, fetch));
    if (interruption !== undefined) throw interruption;
    return fetched;
  } catch (error) {
    throw interruption ?? error;
  } finally {
    await children.close({ deadlineMs: 0 });
    rmSync(registerFile, { force: true });
  }
}

/** The exit code of what was started. */
function endOf(tool: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    tool.once('error', (cause) => {
      const message = `cannot start ${program}; install a JDK 17 or newer, or set JAVA_HOME`;
      reject(new PmcError('PMC_PREFLIGHT_FAILED', message, {}, { cause }));
    });
    tool.once('exit', (code, signal) => {
      resolve(code ?? (ENDING_SIGNALS.some((one) => one === signal) ? INTERRUPTED_EXIT : 1));
    });
  });
}
