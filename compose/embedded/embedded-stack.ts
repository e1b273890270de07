// Brings up the three servers that are not replaced by a variable, at the same time, and keeps each running: one that
// ends by itself is started again. Promises that data, cluster id and schema ids survive a restart, and that each server
// is stopped after those who use it. Does not check the machine (preflight-probe.ts) and creates no topics, tables or schemas.
import { mkdirSync } from 'node:fs';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import type { Child, Children } from '../processes/children.ts';
import { lastErrorLine } from '../processes/last-error-line.ts';
import { sizeOf, tailOf } from '../processes/log-file.ts';
import type { Progress } from '../processes/progress.ts';
import { type ProcessExit, type ProcessStatus, SupervisedProcess } from '../processes/supervised-process.ts';
import { completeArtifact, ensureArtifact, KAFKA_ARTIFACT, REGISTRY_ARTIFACT } from './artifacts.ts';
import type { StackConfig } from './config.ts';
import type { EmbeddedServer } from './embedded-server.ts';
import { prepareKafka } from './kafka-server.ts';
import { databaseUrlOf, preparePostgres } from './postgres-server.ts';
import { javaProgram, type PortWanted } from './preflight-probe.ts';
import { prepareRegistry, registryUrlOf } from './registry-server.ts';
import { LOOK_MS, StartPatience } from './start-patience.ts';
import type { StateFolder } from './state-folder.ts';

export interface Addresses {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly databaseUrl: string;
}

export interface StackOptions {
  readonly config: StackConfig;
  readonly folder: StateFolder;
  readonly children: Children;
  readonly environment: Environment;
  readonly progress: Progress;
  readonly onChange?: (status: ProcessStatus) => void;
}

export type ServerName = EmbeddedServer['name'];

const VARIABLE: Readonly<Record<ServerName, string>> = {
  kafka: 'PMC_KAFKA_BROKERS',
  registry: 'PMC_REGISTRY_URL',
  postgres: 'DATABASE_URL',
};
/** Whoever uses another server goes first. */
const STOP_ORDER: readonly ServerName[] = ['registry', 'kafka', 'postgres'];

/** Which of the servers run here. */
export function embeddedServers({ brokers, registryUrl, databaseUrl }: StackConfig): readonly ServerName[] {
  const given: Readonly<Record<ServerName, unknown>> = { kafka: brokers, registry: registryUrl, postgres: databaseUrl };
  return STOP_ORDER.filter((name) => given[name] === undefined);
}

export function stackAddresses(config: StackConfig, folder: StateFolder): Addresses {
  return {
    brokers: config.brokers ?? [`127.0.0.1:${config.kafkaPort}`],
    registryUrl: config.registryUrl ?? registryUrlOf(config.registryPort),
    databaseUrl: config.databaseUrl ?? databaseUrlOf(folder.secrets, config.databasePort),
  };
}

export function stackPorts(config: StackConfig): readonly PortWanted[] {
  const host = '127.0.0.1';
  const ports: Readonly<Record<ServerName, readonly PortWanted[]>> = {
    kafka: [
      { host, port: config.kafkaPort, owner: 'Kafka', variable: 'PMC_KAFKA_PORT' },
      { host, port: config.controllerPort, owner: "Kafka's controller", variable: 'PMC_KAFKA_CONTROLLER_PORT' },
    ],
    registry: [{ host, port: config.registryPort, owner: 'schema registry', variable: 'PMC_REGISTRY_PORT' }],
    postgres: [{ host, port: config.databasePort, owner: 'PostgreSQL', variable: 'PMC_DATABASE_PORT' }],
  };
  return embeddedServers(config).flatMap((name) => ports[name]);
}

/** Whether something is still to be fetched, so that Maven is needed. */
export function isFetchNeeded(config: StackConfig, folder: StateFolder): boolean {
  const servers = embeddedServers(config);
  const artifacts = [
    ...(servers.includes('kafka') ? [KAFKA_ARTIFACT] : []),
    ...(servers.includes('registry') ? [REGISTRY_ARTIFACT] : []),
  ];
  return artifacts.some((artifact) => completeArtifact(folder.artifacts, artifact) === undefined);
}

export class EmbeddedStack {
  readonly addresses: Addresses;
  readonly #options: StackOptions;
  readonly #servers = new Map<ServerName, { process: SupervisedProcess; server: EmbeddedServer }>();
  /** Maven's local repository is not made for two at once. */
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(options: StackOptions) {
    this.#options = options;
    this.addresses = stackAddresses(options.config, options.folder);
  }

  get status(): readonly ProcessStatus[] {
    return [...this.#servers.values()].map(({ process }) => process.status);
  }

  /** Resolves when this server answers; at once when it is somebody else's. Throws PMC_SERVER_FAILED or PMC_ARTIFACTS_FAILED. */
  async start(name: ServerName): Promise<void> {
    if (!embeddedServers(this.#options.config).includes(name)) return;
    const server = await this.#prepare(name);
    const { children, progress, onChange } = this.#options;
    const step = progress.step(name, `starting on ${server.address}`);
    let child: Child | undefined;
    const process = new SupervisedProcess({
      name,
      launch: () => {
        child = server.launch(children);
        return child;
      },
      whenReady: async (launched, signal) => {
        await server.whenReady(launched, signal);
        return undefined;
      },
      onChange: (status) => onChange?.(status),
    });
    this.#servers.set(name, { process, server });
    process.start();
    const patience = new StartPatience();
    const looks = setInterval(() => {
      if (child === undefined) return;
      const before = patience.outlook;
      const outlook = patience.look(sizeOf(child.logFile));
      if (outlook === 'overdue') void process.stop({ deadlineMs: server.stopDeadlineMs });
      if (outlook !== 'recovering' || before === outlook) return;
      step.update('recovering');
      progress.note(`${name}: not ready yet, but writes its log (${lastLineOf(child)}); it is given time to recover`);
    }, LOOK_MS).unref();
    const state = await process.whenState('running', 'backoff', 'stopped');
    clearInterval(looks);
    step.end(state === 'running' ? `ready on ${server.address}` : 'failed');
    if (state === 'running') return;
    const { lastExit } = process.status;
    await process.stop({ deadlineMs: server.stopDeadlineMs });
    throw serverFailed(
      server,
      patience.outlook === 'overdue' || lastExit === null
        ? 'was not ready in time'
        : `ended with ${lastExit.reason}: ${lastExit.lastLine ?? 'no output'}`,
    );
  }

  /**
   * Stops in order: registry, Kafka, PostgreSQL. `deadlineMaxMs` is asked for each, since a person may get impatient; `onFailed` is
   * told of each that did not end in order.
   */
  async stop(
    deadlineMaxMs: () => number = () => Number.POSITIVE_INFINITY,
    onFailed?: (name: string, exit: ProcessExit) => void,
  ): Promise<void> {
    for (const name of STOP_ORDER) {
      const running = this.#servers.get(name);
      const deadlineMs = Math.min(deadlineMaxMs(), running?.server.stopDeadlineMs ?? 0);
      const failed = await running?.process.stop({ deadlineMs });
      if (failed !== undefined) onFailed?.(name, failed);
    }
  }

  async #prepare(name: ServerName): Promise<EmbeddedServer> {
    const { config, folder, children, environment } = this.#options;
    const java = javaProgram(config.javaHome);
    switch (name) {
      case 'kafka': {
        const jarsFolder = await this.#fetched(KAFKA_ARTIFACT);
        const { kafkaPort: port, controllerPort } = config;
        return await prepareKafka({
          folder: folder.kafka,
          jarsFolder,
          java,
          port,
          controllerPort,
          children,
          environment,
        });
      }
      case 'registry': {
        const distributionFolder = await this.#fetched(REGISTRY_ARTIFACT);
        return prepareRegistry({
          folder: folder.registry,
          distributionFolder,
          java,
          port: config.registryPort,
          environment,
        });
      }
      case 'postgres': {
        mkdirSync(folder.home, { recursive: true });
        const place = { folder: folder.postgres, secretsFolder: folder.secrets, port: config.databasePort };
        return await preparePostgres({ ...place, children, environment });
      }
    }
  }

  async #fetched(artifact: typeof KAFKA_ARTIFACT): Promise<string> {
    const { folder, children, environment, progress } = this.#options;
    const fetched = this.#fetching
      .catch(() => undefined)
      .then(
        async () =>
          await ensureArtifact(artifact, { artifactsFolder: folder.artifacts, children, environment, progress }),
      );
    this.#fetching = fetched;
    return await fetched;
  }
}

function lastLineOf({ logFile, logFromByte }: Child): string {
  return lastErrorLine(tailOf(logFile, logFromByte), { wasKilled: false }) ?? 'an empty line';
}

function serverFailed({ name, address }: EmbeddedServer, what: string): PmcError {
  const message = `${name} on ${address} ${what}; its log is logs/${name}.log in PMC_HOME; ${VARIABLE[name]} replaces it by a server of your own`;
  return new PmcError('PMC_SERVER_FAILED', message, { name, address });
}
