// Apache Kafka as a child process: formatted once under a cluster id that is kept, then the same data at every start.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { writePrivateFile } from '../../service/private-file.ts';
import type { Children } from '../processes/children.ts';
import { tailOf } from '../processes/log-file.ts';
import { type EmbeddedServer, untilTrue } from './embedded-server.ts';
import { kafkaProperties } from './kafka-properties.ts';

const LOG_CONFIGURATION = fileURLToPath(new URL('./log4j2.properties', import.meta.url));
/** Kafka's own words, for the pinned version; written when the broker takes requests. */
const READY_LINE = 'Kafka Server started';
const STOP_DEADLINE_MS = 8_000;

export interface KafkaOptions {
  readonly folder: string;
  readonly jarsFolder: string;
  readonly java: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly advertisedPort?: number;
  readonly children: Children;
  readonly environment: Environment;
}

export async function prepareKafka(options: KafkaOptions): Promise<EmbeddedServer> {
  const { folder, port, controllerPort, advertisedPort, java, environment } = options;
  mkdirSync(folder, { recursive: true });
  const logFolder = join(folder, 'log');
  if (!existsSync(logFolder)) await format(options, logFolder);
  const properties = join(folder, 'server.properties');
  writeFileSync(properties, kafkaProperties({ logFolder, port, controllerPort, advertisedPort }));
  const memory = ['-Xmx512m', '-Xms256m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError'];
  const logging = ['-Djava.awt.headless=true', `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`];
  const args = [...memory, ...logging, '-cp', join(options.jarsFolder, '*'), 'kafka.Kafka', properties];
  return {
    name: 'kafka',
    address: `127.0.0.1:${port}`,
    stopDeadlineMs: STOP_DEADLINE_MS,
    launch: (children) =>
      children.start({ name: 'kafka', stage: 'kafka', command: java, args, environment, cwd: folder }),
    whenReady: async (child, signal) => {
      await untilTrue(() => tailOf(child.logFile, child.logFromByte).includes(READY_LINE), signal);
    },
  };
}

/** Formats beside the final folder and renames, so that an interrupted format is done again and data is never wiped. */
async function format(options: KafkaOptions, logFolder: string): Promise<void> {
  const { folder, port, controllerPort, java, jarsFolder, children, environment } = options;
  const fresh = `${logFolder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const properties = join(folder, 'format.properties');
  writeFileSync(properties, kafkaProperties({ logFolder: fresh, port, controllerPort }));
  const tool = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', join(jarsFolder, '*'), 'kafka.tools.StorageTool'];
  const args = [...tool, 'format', '--cluster-id', keptClusterId(folder), '--config', properties];
  const { succeeded, reason, lastLine } = await children.run({
    name: 'kafka-format',
    command: java,
    args,
    environment,
  });
  if (!succeeded) {
    const message = `formatting Kafka's storage ended with ${reason}: ${lastLine ?? 'no output'}; the log is logs/kafka-format.log in PMC_HOME`;
    throw new PmcError('PMC_SERVER_FAILED', message, { reason });
  }
  renameSync(fresh, logFolder);
}

function keptClusterId(folder: string): string {
  const path = join(folder, 'cluster-id');
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  // Sixteen random bytes, as Kafka's own tool draws them, which also avoids a leading dash (it would look like a flag).
  let drawn = randomBytes(16).toString('base64url');
  while (drawn.startsWith('-')) drawn = randomBytes(16).toString('base64url');
  writePrivateFile(path, `${drawn}\n`);
  return drawn;
}
