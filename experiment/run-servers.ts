// The broker and the database of one run, nobody else's: real ones, with their data in the run's folder, each behind a link that
// can break, and the services that the run starts on top of them. What a run breaks it has started itself. Promises that nothing
// of it is left when the run has stopped, or was killed. The registry is not a part of it: the services are told where one is.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { completeArtifact, KAFKA_ARTIFACT } from '../compose/embedded/artifacts.ts';
import { prepareKafka } from '../compose/embedded/kafka-server.ts';
import { databaseUrlOf, preparePostgres } from '../compose/embedded/postgres-server.ts';
import { javaProgram } from '../compose/embedded/preflight-probe.ts';
import type { Child } from '../compose/processes/children.ts';
import { Children } from '../compose/processes/children.ts';
import { type Guard, startGuard } from '../compose/processes/guard.ts';
import type { Environment } from '../service/config.ts';
import { PmcError } from '../service/errors.ts';
import { LinkProxy, type LinkSettings } from './faults/link-proxy.ts';
import { OwnProcess } from './faults/own-process.ts';

export interface RunServersOptions {
  readonly folder: string;
  /** Where the fetched servers are. */
  readonly artifacts: string;
  /** Free ones, for what listens behind the links. */
  readonly ports: { readonly kafka: number; readonly controller: number; readonly database: number };
  readonly link?: Partial<LinkSettings>;
  readonly environment: Environment;
}

export interface ServerPart {
  readonly process: OwnProcess;
  readonly link: LinkProxy;
}

interface Parts {
  readonly children: Children;
  readonly guard: Guard;
  readonly log: ServerPart;
  readonly database: ServerPart;
  readonly databaseUrl: string;
  readonly directDatabaseUrl: string;
  readonly environment: Environment;
}

const SERVICE_STOP_DEADLINE_MS = 8_000;
const CLOSE_DEADLINE_MS = 5_000;

export class RunServers {
  readonly log: ServerPart;
  readonly database: ServerPart;
  readonly #parts: Parts;
  readonly #services: OwnProcess[] = [];

  static async start(options: RunServersOptions): Promise<RunServers> {
    const { folder, environment } = options;
    // PostgreSQL runs as another user when root starts it, and must be able to pass.
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o711);
    const registerFile = join(folder, 'processes.json');
    const children = new Children({ registerFile, logsFolder: join(folder, 'logs') });
    const guard = await startGuard({ registerFile, logFile: join(folder, 'logs', 'warden.log') }, environment);
    const links: LinkProxy[] = [];
    try {
      const [log, database] = await Promise.all([
        startLog(options, children, links),
        startDatabase(options, children, links),
      ]);
      return new RunServers({ children, guard, environment, log, ...database });
    } catch (error) {
      await Promise.all(links.map((link) => link.close()));
      await children.close({ deadlineMs: CLOSE_DEADLINE_MS });
      await guard.dismiss();
      throw error;
    }
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.log = parts.log;
    this.database = parts.database;
  }

  /** By the link, as services dial it. */
  get brokers(): readonly string[] {
    return [`127.0.0.1:${this.log.link.port}`];
  }

  get databaseUrl(): string {
    return this.#parts.databaseUrl;
  }

  /** Past the link, for who prepares and who checks. */
  get directDatabaseUrl(): string {
    return this.#parts.directDatabaseUrl;
  }

  /** Starts a service of the system, given the path of its main file; ready when it says that it has started. */
  async startService(name: string, main: string, settings: Environment): Promise<OwnProcess> {
    const environment = {
      ...this.#parts.environment,
      NODE_ENV: 'production',
      PMC_KAFKA_BROKERS: this.brokers.join(','),
      DATABASE_URL: this.databaseUrl,
      ...settings,
    };
    const spec = { name, stage: 'service', command: process.execPath, args: [main], environment, ipc: true } as const;
    const service = await OwnProcess.start(this.#parts.children, {
      launch: (children) => children.start(spec),
      whenReady: whenStarted,
      stopDeadlineMs: SERVICE_STOP_DEADLINE_MS,
    });
    this.#services.push(service);
    return service;
  }

  /** First the services, then what they use. */
  async stop(): Promise<void> {
    const { children, guard, log, database } = this.#parts;
    for (const { link } of [log, database]) link.heal();
    await Promise.all(this.#services.map((service) => service.stop()));
    await Promise.all([log, database].map((part) => part.process.stop()));
    await Promise.all([log, database].map(({ link }) => link.close()));
    await children.close({ deadlineMs: CLOSE_DEADLINE_MS });
    await guard.dismiss();
  }
}

async function linkTo(port: number, options: RunServersOptions, links: LinkProxy[]): Promise<LinkProxy> {
  const link = await LinkProxy.listen({ host: '127.0.0.1', port }, options.link);
  links.push(link);
  return link;
}

async function startLog(options: RunServersOptions, children: Children, links: LinkProxy[]): Promise<ServerPart> {
  const { folder, artifacts, ports, environment } = options;
  const jarsFolder = completeArtifact(artifacts, KAFKA_ARTIFACT);
  if (jarsFolder === undefined) {
    const message = `${artifacts} has no ${KAFKA_ARTIFACT.version}; npm start fetches it`;
    throw new PmcError('PMC_ARTIFACTS_FAILED', message, { artifacts });
  }
  const link = await linkTo(ports.kafka, options, links);
  const kafka = await prepareKafka({
    folder: join(folder, 'kafka'),
    jarsFolder,
    java: javaProgram(environment['JAVA_HOME']),
    port: ports.kafka,
    controllerPort: ports.controller,
    // A broker tells its clients where to dial: past the link they would not suffer.
    advertisedPort: link.port,
    children,
    environment,
  });
  return { process: await OwnProcess.start(children, kafka), link };
}

async function startDatabase(options: RunServersOptions, children: Children, links: LinkProxy[]) {
  const { folder, ports, environment } = options;
  const link = await linkTo(ports.database, options, links);
  const secretsFolder = join(folder, 'secrets');
  mkdirSync(secretsFolder, { mode: 0o700, recursive: true });
  const place = { folder: join(folder, 'postgres'), secretsFolder, port: ports.database };
  const postgres = await preparePostgres({ ...place, children, environment });
  const process = await OwnProcess.start(children, postgres);
  const databaseUrl = databaseUrlOf(secretsFolder, link.port);
  return { database: { process, link }, databaseUrl, directDatabaseUrl: databaseUrlOf(secretsFolder, ports.database) };
}

function whenStarted({ process: child }: Child, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it has not started in time')), { once: true });
    child.once('message', () => resolve());
  });
}
