// A broker of its own for a benchmark of the log, and Kafka's own tools, which are measured as peers and come from the same jars.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KAFKA_ARTIFACT } from '../compose/embedded/artifacts.ts';
import type { Environment } from '../service/config.ts';
import { type ScratchServers, startScratchServers } from './scratch-servers.ts';

const LOG_CONFIGURATION = fileURLToPath(new URL('../compose/embedded/tools-log4j2.properties', import.meta.url));
/** As the scripts that come with Kafka start its performance tools. */
const JAVA_FLAGS = ['-Xmx512m', '-XX:+UseG1GC', '-Djava.awt.headless=true'];

export interface ScratchKafka {
  readonly broker: string;
  /** Runs one of Kafka's own tools against the broker to its end; returns what it printed. */
  readonly runTool: (tool: string, args: readonly string[]) => Promise<string>;
  stop(): Promise<void>;
}

export async function startScratchKafka(inherited: Environment): Promise<ScratchKafka> {
  const servers = await startScratchServers(inherited, ['kafka']);
  const [broker = ''] = servers.addresses.brokers;
  return { broker, runTool: await kafkaTools(servers), stop: () => servers.stop() };
}

/** Runs Kafka's own tools against the broker. */
export async function kafkaTools(servers: ScratchServers): Promise<ScratchKafka['runTool']> {
  const jarsFolder = await servers.fetch(KAFKA_ARTIFACT);
  const flags = [...JAVA_FLAGS, `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`, '-cp', join(jarsFolder, '*')];
  let tools = 0;
  return async (tool, own) => {
    tools += 1;
    const brokers = servers.addresses.brokers.join(',');
    const args = [...flags, `org.apache.kafka.tools.${tool}`, '--bootstrap-server', brokers, ...own];
    return await servers.run({ name: `tool-${tools}`, command: servers.java, args });
  };
}
