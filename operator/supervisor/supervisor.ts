// The whole stack under one roof: takes the state folder for itself, clears away what a dead run left, checks the machine,
// starts servers, tables, topics, schemas and services, and stops all of it in order. Promises that nothing it started
// outlives it (a warden sees to that when it is killed) and that it never signals a process that is not its own.
// Signals, stdout and exit codes belong to the caller.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import {
  type Addresses,
  EmbeddedStack,
  embeddedServers,
  isFetchNeeded,
  stackAddresses,
  stackPorts,
} from '../../compose/embedded/embedded-stack.ts';
import { checkExternalServers } from '../../compose/embedded/external-servers.ts';
import { javaProgram, preflight } from '../../compose/embedded/preflight-probe.ts';
import { keptSecret } from '../../compose/embedded/secret.ts';
import { createStateFolder, type StateFolder, stateFolder } from '../../compose/embedded/state-folder.ts';
import { Children } from '../../compose/processes/children.ts';
import { type Guard, startGuard } from '../../compose/processes/guard.ts';
import type { Progress } from '../../compose/processes/progress.ts';
import { acquireRunLock, type RunLock } from '../../compose/processes/run-lock.ts';
import type { ProcessExit, ProcessStatus } from '../../compose/processes/supervised-process.ts';
import { registryAccess } from '../../kafka/registry-access.ts';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { listen } from '../../service/health-server.ts';
import { identityOf } from '../../service/process-identity.ts';
import { writeStackFile } from '../../service/stack-file.ts';
import { type Bootstrap, stackBootstrap } from './bootstrap.ts';
import { sweepCompiled } from './compiled.ts';
import type { SupervisorConfig } from './config.ts';
import { controlServer } from './control-server.ts';
import { reapPreviousRun } from './previous-run.ts';
import { CONFIG_EXIT, ServiceFleet } from './service-fleet.ts';
import { checkServiceSettings } from './service-settings.ts';
import {
  activeServices,
  compiledFolder,
  consoleUrlOf,
  controlUrlOf,
  gatewayUrlOf,
  SERVICE_MAINS,
  type ServiceName,
  serviceEnvironment,
  servicePorts,
  simulatorOf,
} from './services.ts';
import type { ServiceStatus, ServiceVerb, StackStatus } from './stack-status.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** How long each process gets when a person is in a hurry. */
const HURRY_MS = 500;
const TASK_DEADLINE_MS = 2_000;

export interface SupervisorOptions {
  readonly config: SupervisorConfig;
  readonly environment: Environment;
  readonly progress: Progress;
  /** Other programs and another bootstrap than the product's own, for tests of the supervisor itself. */
  readonly mains?: typeof SERVICE_MAINS;
  readonly bootstrap?: Bootstrap;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #folder: StateFolder;
  readonly #controlToken = randomBytes(24).toString('base64url');
  #lock: RunLock | undefined;
  #guard: Promise<Guard> | undefined;
  #control: FastifyInstance | undefined;
  #children: Children | undefined;
  #stack: EmbeddedStack | undefined;
  #fleet: ServiceFleet | undefined;
  #isReady = false;
  #stopping: Promise<void> | undefined;
  #deadlineMaxMs = Number.POSITIVE_INFINITY;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#folder = stateFolder(options.config);
  }

  /** Whether there may be something to stop. */
  get hasStarted(): boolean {
    return this.#children !== undefined;
  }

  /** Resolves with the console's address when everything is ready. After an error, or to interrupt it, call `stop`. */
  async start(): Promise<string> {
    const { config, progress, environment } = this.#options;
    const folder = this.#folder;
    createStateFolder(folder);
    this.#lock = acquireRunLock(join(folder.run, 'lock'), folder.home);
    const registerFile = join(folder.run, 'processes.json');
    const ended = await reapPreviousRun(registerFile);
    if (this.#lock.stale || ended.length > 0) {
      const what = ended.length === 0 ? 'nothing of it still ran' : `ended what still ran: ${ended.join(', ')}`;
      progress.note(`pmc: a previous run ended without cleaning up; ${what}`);
    }
    await this.#check();
    await sweepCompiled(compiledFolder(folder.home));
    this.#refuseIfStopping();
    const note = (line: string): void => progress.note(line);
    const children = new Children({ registerFile, logsFolder: folder.logs, note });
    this.#children = children;
    this.#guard = startGuard({ registerFile, logFile: join(folder.logs, 'warden.log') }, environment);
    await this.#guard;
    this.#refuseIfStopping();
    const onChange = (status: ProcessStatus): void => this.#report(status);
    const stack = new EmbeddedStack({ config, folder, children, environment, progress, onChange });
    this.#stack = stack;
    await this.#openControl(stack);
    this.#refuseIfStopping();
    await this.#startServers(stack);
    await this.#startServices(stack, children, onChange);
    this.#isReady = true;
    return consoleUrlOf(config, this.#consoleToken());
  }

  /** Stops all in order; resolves when nothing of it runs. A second call, in a hurry, ends everything at once. */
  async stop({ hurry = false }: { hurry?: boolean } = {}): Promise<void> {
    if (hurry) {
      this.#deadlineMaxMs = HURRY_MS;
      void this.#endAtOnce();
    }
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async status(): Promise<StackStatus> {
    const { config } = this.#options;
    const services = (await this.#fleet?.status()) ?? [];
    const servers = this.#stack?.status ?? [];
    const { brokers, registryUrl, databaseUrl } = this.#addresses();
    return {
      schemaVersion: 1,
      ready: this.#isReady && services.every(({ ready }) => ready) && servers.every(({ state }) => state === 'running'),
      home: this.#folder.home,
      supervisor: { pid: process.pid },
      services: [...services],
      servers: [...servers],
      kafka: { brokers: [...brokers], registryUrl: registryAccess(registryUrl).url },
      database: { url: databaseUrl },
      gateway: { url: gatewayUrlOf(config) },
      console: { url: consoleUrlOf(config, this.#consoleToken()) },
      simulator: config.sources === undefined ? simulatorOf(config) : null,
    };
  }

  async #check(): Promise<void> {
    const { config, environment } = this.#options;
    const { home } = this.#folder;
    const addresses = stackAddresses(config, this.#folder);
    checkServiceSettings(activeServices(config), (name) => this.#environmentOf(name, addresses));
    const servers = embeddedServers(config);
    const java = servers.includes('kafka') || servers.includes('registry');
    const needs = { home, java, maven: isFetchNeeded(config, this.#folder), servers: servers.length > 0 };
    const ports = [...stackPorts(config), ...servicePorts(config)];
    await preflight({ java: javaProgram(config.javaHome), ports, environment }, needs);
    await checkExternalServers(config);
  }

  async #startServers(stack: EmbeddedStack): Promise<void> {
    const { config, bootstrap = stackBootstrap } = this.#options;
    const { databaseUrl, brokers, registryUrl } = stack.addresses;
    await Promise.all([
      stack.start('postgres').then(async () => await bootstrap.database(databaseUrl)),
      stack.start('kafka').then(async () => await bootstrap.topics({ ...config, brokers })),
      stack.start('registry').then(async () => await bootstrap.schemas(registryUrl)),
    ]);
  }

  async #startServices(
    stack: EmbeddedStack,
    children: Children,
    onChange: (status: ProcessStatus) => void,
  ): Promise<void> {
    const { config, progress, mains = SERVICE_MAINS } = this.#options;
    const names = activeServices(config);
    const fleet = new ServiceFleet({
      names,
      mains,
      projectFolder: PROJECT,
      children,
      environmentOf: (name) => this.#environmentOf(name, stack.addresses),
      onChange,
    });
    this.#refuseIfStopping();
    this.#fleet = fleet;
    const waiting = new Set<string>(names);
    const step = progress.step('services', `starting ${names.join(', ')}`);
    try {
      await fleet.start((name) => {
        waiting.delete(name);
        step.update(`waiting for ${[...waiting].join(', ')}`, 1 - waiting.size / names.length);
      });
      step.end('ready');
    } catch (error) {
      step.end('failed');
      throw error;
    }
  }

  async #openControl(stack: EmbeddedStack): Promise<void> {
    const { config } = this.#options;
    const command = async (name: string, verb: ServiceVerb): Promise<ServiceStatus> => {
      if (this.#fleet === undefined)
        throw new PmcError('PMC_SERVICE_NOT_READY', 'the services are not started yet; the servers come first');
      return await this.#fleet.command(name, verb);
    };
    const server = controlServer({ status: async () => await this.status(), command }, this.#controlToken);
    this.#control = server;
    await listen(server, { host: '127.0.0.1', port: config.controlPort }, 'PMC_CONTROL_PORT');
    const supervisor = identityOf(process.pid);
    if (supervisor === undefined) throw new Error('cannot read the start time of this process');
    const addresses = { ...stack.addresses, brokers: [...stack.addresses.brokers] };
    const control = { url: controlUrlOf(config), token: this.#controlToken };
    writeStackFile(this.#folder, {
      schemaVersion: 1,
      supervisor,
      control,
      artifacts: this.#folder.artifacts,
      addresses,
      gateway: { url: gatewayUrlOf(config) },
    });
  }

  async #stop(): Promise<void> {
    this.#isReady = false;
    await this.#children?.refuseNew({ deadlineMs: TASK_DEADLINE_MS });
    const onFailed = (name: string, exit: ProcessExit): void => this.#reportStop(name, exit);
    await this.#fleet?.stop(this.#deadlineMaxMs, onFailed);
    await this.#control?.close();
    await this.#stack?.stop(() => this.#deadlineMaxMs, onFailed);
    await this.#children?.close({ deadlineMs: TASK_DEADLINE_MS });
    // One that is still starting too: it would keep this process alive.
    await (await this.#guard?.catch(() => undefined))?.dismiss();
    this.#lock?.release();
  }

  async #endAtOnce(): Promise<void> {
    await this.#fleet?.kill(HURRY_MS);
    await this.#stack?.stop(() => HURRY_MS);
  }

  #refuseIfStopping(): void {
    if (this.#stopping !== undefined)
      throw new PmcError('PMC_INTERRUPTED', 'the stack was stopped before it was ready');
  }

  #addresses() {
    if (this.#stack === undefined) throw new Error('the addresses are known once the control interface is open');
    return this.#stack.addresses;
  }

  #environmentOf(name: ServiceName, addresses: Addresses): Environment {
    const { config, environment } = this.#options;
    const secrets = { home: this.#folder.home, consoleToken: this.#consoleToken(), controlToken: this.#controlToken };
    return serviceEnvironment(name, environment, { config, addresses, secrets });
  }

  #consoleToken(): string {
    return keptSecret(this.#folder.secrets, 'console-token');
  }

  #report({ name, state, lastExit, restarts }: ProcessStatus): void {
    const { progress } = this.#options;
    // One that refuses its configuration ends the start, which says why.
    const endsTheStart = !this.#isReady && lastExit?.reason === CONFIG_EXIT;
    if (state === 'backoff' && lastExit !== null && this.#stopping === undefined && !endsTheStart) {
      progress.note(`${name}: ended with ${exitText(lastExit)}; starting it again`);
    }
    if (state === 'running' && restarts > 0) progress.note(`${name}: running again (restart ${restarts})`);
  }

  #reportStop(name: string, exit: ProcessExit): void {
    // One that refuses its configuration has ended the start, which says why.
    if (exit.reason !== CONFIG_EXIT) this.#options.progress.note(`${name}: did not stop in order: ${exitText(exit)}`);
  }
}

function exitText({ reason, lastLine }: ProcessExit): string {
  return lastLine === null ? reason : `${reason}: ${lastLine}`;
}
