// One broker of a test's cluster, controller as well, with its fault proxy: started, stopped and killed as often as a test likes.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkaProperties } from '../../../compose/embedded/kafka-properties.ts';
import type { Child, Children } from '../../../compose/processes/children.ts';
import { tailOf } from '../../../compose/processes/log-file.ts';
import { pause } from '../../../service/backoff.ts';
import type { Environment } from '../../../service/config.ts';
import { FaultProxy } from './fault-proxy.ts';

export interface BrokerLaunch {
  readonly children: Children;
  readonly folder: string;
  readonly jars: string;
  readonly java: string;
  readonly environment: Environment;
}

export interface NodePlace {
  readonly nodeId: number;
  /** For the proxy. */
  readonly port: number;
  /** For the other brokers and for what a test checks by. */
  readonly directPort: number;
  readonly controllerPort: number;
  readonly proxyPort: number;
}

export interface Membership {
  readonly places: readonly NodePlace[];
  readonly clusterId: string;
  /** Broker settings, over those of every test's broker. */
  readonly settings: Readonly<Record<string, string | number>>;
}

const LOG_CONFIGURATION = fileURLToPath(new URL('../../../compose/embedded/log4j2.properties', import.meta.url));
const READY_LINE = 'Kafka Server started';
const READY_DEADLINE_MS = 90_000;
const STOP_DEADLINE_MS = 30_000;
const LIGHT = [
  ...['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'],
  `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`,
];

export class ClusterNode {
  readonly nodeId: number;
  readonly proxy: FaultProxy;
  readonly direct: string;
  /** Where its partitions lie, each in a folder `TOPIC-PARTITION`. */
  readonly dataFolder: string;
  readonly #launch: BrokerLaunch;
  readonly #properties: string;
  #broker: Child | undefined;

  /** Makes the data folder of a member; nothing runs yet. */
  static async format(launch: BrokerLaunch, place: NodePlace, membership: Membership): Promise<ClusterNode> {
    const { children, folder, jars, java, environment } = launch;
    const name = `node-${place.nodeId}`;
    const properties = join(folder, `${name}.properties`);
    writeFileSync(properties, propertiesOf(place, membership, dataFolderOf(launch, place)));
    const format = ['format', '--cluster-id', membership.clusterId, '--config', properties];
    const args = [...LIGHT, '-cp', join(jars, '*'), 'kafka.tools.StorageTool', ...format];
    const { succeeded, lastLine } = await children.run({ name: `format-${name}`, command: java, args, environment });
    if (!succeeded) throw new Error(`formatting ${name} failed: ${lastLine}`);
    const proxy = await FaultProxy.listen({ port: place.proxyPort, brokerPort: place.port });
    return new ClusterNode(launch, place, proxy, properties);
  }

  private constructor(launch: BrokerLaunch, place: NodePlace, proxy: FaultProxy, properties: string) {
    this.#launch = launch;
    this.dataFolder = dataFolderOf(launch, place);
    this.nodeId = place.nodeId;
    this.proxy = proxy;
    this.direct = `127.0.0.1:${place.directPort}`;
    this.#properties = properties;
  }

  /** Resolves when the broker takes requests. */
  async start(): Promise<void> {
    const { children, folder, jars, java, environment } = this.#launch;
    const args = [...LIGHT, '-cp', join(jars, '*'), 'kafka.Kafka', this.#properties];
    const spec = {
      name: `node-${this.nodeId}`,
      stage: 'kafka',
      command: java,
      args,
      environment,
      cwd: folder,
    } as const;
    const broker = children.start(spec);
    this.#broker = broker;
    const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
    while (!tailOf(broker.logFile, broker.logFromByte).includes(READY_LINE)) {
      if (deadline.aborted || broker.process.exitCode !== null || broker.process.signalCode !== null) {
        throw new Error(
          `node ${this.nodeId} did not start: ${tailOf(broker.logFile, broker.logFromByte).slice(-4_000)}`,
        );
      }
      await pause(100);
    }
  }

  /** In order: leaders move away first. */
  async stop(): Promise<void> {
    await this.#broker?.end({ deadlineMs: STOP_DEADLINE_MS });
  }

  /** As a power cut. Connections through the proxy break; to have them hang instead, call `proxy.blackhole()` before. */
  async kill(): Promise<void> {
    this.#broker?.process.kill('SIGKILL');
    await this.#broker?.exited;
  }
}

function dataFolderOf({ folder }: BrokerLaunch, { nodeId }: NodePlace): string {
  return join(folder, `node-${nodeId}-data`);
}

/** The embedded broker's configuration; of two lines of a name the later one counts. */
function propertiesOf(place: NodePlace, { places, settings }: Membership, logFolder: string): string {
  const { nodeId, port, directPort, controllerPort, proxyPort } = place;
  const replicas = places.length;
  const minInSync = replicas === 1 ? 1 : 2;
  const changed: Readonly<Record<string, string | number>> = {
    'node.id': nodeId,
    'controller.quorum.voters': places.map((one) => `${one.nodeId}@127.0.0.1:${one.controllerPort}`).join(','),
    listeners: `CLIENT://127.0.0.1:${port},DIRECT://127.0.0.1:${directPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${proxyPort},DIRECT://127.0.0.1:${directPort}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'DIRECT',
    'default.replication.factor': replicas,
    'min.insync.replicas': minInSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minInSync,
    ...settings,
  };
  const lines = Object.entries(changed).map(([name, value]) => `${name}=${value}`);
  return `${kafkaProperties({ logFolder, port, controllerPort })}${lines.join('\n')}\n`;
}
