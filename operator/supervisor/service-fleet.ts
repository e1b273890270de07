// All services of the stack together: started at once, stopped in order, each restarted by itself when it ends by itself.
import type { Children } from '../../compose/processes/children.ts';
import { tailOf } from '../../compose/processes/log-file.ts';
import { type ProcessExit, type ProcessStatus, SupervisedProcess } from '../../compose/processes/supervised-process.ts';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { refusedConfig } from './refused-config.ts';
import { isReady, serviceProcess } from './service-process.ts';
import { SERVICE_FLAGS, type ServiceName, STOP_DEADLINE_MS, STOP_GROUPS } from './services.ts';
import type { ServiceStatus, ServiceVerb } from './stack-status.ts';

const COMMAND_WAIT_MS = 60_000;
/** A service ends with this when its configuration is wrong: trying again cannot help. */
export const CONFIG_EXIT = 'exit code 2';

export interface FleetOptions {
  readonly names: readonly ServiceName[];
  readonly mains: Readonly<Record<ServiceName, string>>;
  readonly environmentOf: (name: ServiceName) => Environment;
  readonly projectFolder: string;
  readonly children: Children;
  readonly onChange: (status: ProcessStatus) => void;
}

export class ServiceFleet {
  readonly #services = new Map<ServiceName, { process: SupervisedProcess; configProblem: Promise<never> }>();
  #isStopping = false;

  constructor({ names, mains, environmentOf, projectFolder, children, onChange }: FleetOptions) {
    for (const name of names) {
      const service = serviceProcess({
        name,
        main: mains[name],
        flags: SERVICE_FLAGS[name],
        environment: environmentOf(name),
        projectFolder,
        children,
      });
      const problem = Promise.withResolvers<never>();
      problem.promise.catch(() => undefined); // Nobody may be waiting for it.
      const launch: typeof service.launch = () => {
        const child = service.launch();
        void child.exited.then(({ reason }) => {
          if (reason !== CONFIG_EXIT) return;
          problem.reject(refusedConfig(name, tailOf(child.logFile, child.logFromByte)));
        });
        return child;
      };
      this.#services.set(name, {
        process: new SupervisedProcess({ ...service, launch, onChange }),
        configProblem: problem.promise,
      });
    }
  }

  /** Resolves when all are ready. One that ends is started again; one that refuses its configuration ends the start. */
  async start(onReady: (name: string) => void): Promise<void> {
    await Promise.all(
      [...this.#services.values()].map(async ({ process, configProblem }) => {
        process.start();
        await Promise.race([process.whenState('running', 'stopped'), configProblem]);
        onReady(process.name);
      }),
    );
  }

  /** From now on no command starts one. `onFailed` is told of each that did not end in order. */
  async stop(deadlineMaxMs: number, onFailed?: (name: string, exit: ProcessExit) => void): Promise<void> {
    this.#isStopping = true;
    for (const group of STOP_GROUPS) {
      await Promise.all(
        group.map(async (name) => {
          const deadlineMs = Math.min(deadlineMaxMs, STOP_DEADLINE_MS[name]);
          const failed = await this.#services.get(name)?.process.stop({ deadlineMs });
          if (failed !== undefined) onFailed?.(name, failed);
        }),
      );
    }
  }

  /** Ends all at once. */
  async kill(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#services.values()].map(({ process }) => process.stop({ deadlineMs })));
  }

  async status(): Promise<readonly ServiceStatus[]> {
    return await Promise.all([...this.#services.values()].map(({ process }) => withReadiness(process.status)));
  }

  /** Does what is asked and waits until it is done. Throws PMC_USAGE, PMC_SERVICE_NOT_READY, PMC_STOP_OVERDUE or PMC_INTERRUPTED. */
  async command(name: string, verb: ServiceVerb): Promise<ServiceStatus> {
    const service = [...this.#services].find(([known]) => known === name)?.[1].process;
    if (service === undefined) {
      throw new PmcError('PMC_USAGE', `unknown service ${name}; known: ${[...this.#services.keys()].join(', ')}`);
    }
    this.#refuseIfStopping(name);
    const failed = verb === 'start' ? undefined : await service.stop();
    if (verb === 'stop' && failed !== undefined) {
      const message = `${name} is stopped, but not in order: it ${endText(failed)}; its log is logs/${name}.log in PMC_HOME`;
      throw new PmcError('PMC_STOP_OVERDUE', message, { name });
    }
    if (verb !== 'stop') {
      await service.whenState('stopped', 'starting', 'running', 'backoff'); // not in the middle of stopping
      // Nobody would stop it again.
      this.#refuseIfStopping(name);
      await startAndWait(service);
    }
    return await withReadiness(service.status);
  }

  #refuseIfStopping(name: string): void {
    if (this.#isStopping) throw new PmcError('PMC_INTERRUPTED', `${name} is left as it is: the stack is being stopped`);
  }
}

async function withReadiness(status: ProcessStatus): Promise<ServiceStatus> {
  const { healthUrl } = status;
  return { ...status, ready: status.state === 'running' && healthUrl !== null && (await isReady(healthUrl)) };
}

async function startAndWait(service: SupervisedProcess): Promise<void> {
  service.start();
  const overdue = Promise.withResolvers<'overdue'>();
  const timer = setTimeout(() => overdue.resolve('overdue'), COMMAND_WAIT_MS);
  const state = await Promise.race([service.whenState('running', 'backoff', 'stopped'), overdue.promise]);
  clearTimeout(timer);
  if (state === 'running') return;
  const { lastExit } = service.status;
  const why =
    state === 'overdue' || lastExit === null ? `is not ready after ${COMMAND_WAIT_MS / 1_000} s` : endText(lastExit);
  throw new PmcError(
    'PMC_SERVICE_NOT_READY',
    `${service.name} ${why}; its log is logs/${service.name}.log in PMC_HOME`,
  );
}

function endText({ reason, lastLine }: ProcessExit): string {
  return `ended with ${reason}: ${lastLine ?? 'no output'}`;
}
