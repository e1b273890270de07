// A service of the system as a process of its own, as `npm start` runs it, so that it can be killed and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { SERVICE_FLAGS, SERVICE_MAINS, type ServiceName } from '../../operator/supervisor/services.ts';
import { plainEnvironment } from './plain-environment.ts';

const READY_WITHIN = { timeout: 90_000, interval: 100 };

export interface ServiceEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ServiceProcess {
  readonly ended: Promise<ServiceEnd>;
  /** One JSON object a line. */
  log = '';
  readonly #process: ChildProcess;

  static start(name: ServiceName, environment: Readonly<Record<string, string>>): ServiceProcess {
    const main = fileURLToPath(new URL(`../../${SERVICE_MAINS[name]}`, import.meta.url));
    const env = {
      ...plainEnvironment(),
      NODE_ENV: 'production',
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      ...environment,
    };
    return new ServiceProcess(
      spawn(process.execPath, [...SERVICE_FLAGS[name], main], { stdio: ['ignore', 'pipe', 'pipe'], env }),
    );
  }

  private constructor(started: ChildProcess) {
    this.#process = started;
    for (const stream of [started.stdout, started.stderr]) stream?.on('data', (chunk) => (this.log += String(chunk)));
    this.ended = new Promise((resolve) => started.once('close', (code, signal) => resolve({ code, signal })));
  }

  /** Undefined until it has said where it is. */
  get healthUrl(): string | undefined {
    return /"healthUrl":"([^"]+)"/.exec(this.log)?.[1];
  }

  /** Waits until it says that it is ready. */
  async ready(): Promise<void> {
    await vi.waitFor(async () => {
      if (this.#process.exitCode !== null) throw new Error(`it ended with ${this.#process.exitCode}:\n${this.log}`);
      const response = this.healthUrl === undefined ? undefined : await fetch(`${this.healthUrl}/ready`);
      if (response?.ok !== true)
        throw new Error(`not ready: ${(await response?.text()) ?? 'no health page'}\n${this.log}`);
    }, READY_WITHIN);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ServiceEnd> {
    this.#process.kill(signal);
    return await this.ended;
  }
}
