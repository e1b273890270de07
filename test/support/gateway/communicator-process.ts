// The communicator in a process of its own, on a cluster of a test's own: killed and started again as often as a test likes, always
// with the same name, port and spool.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pause } from '../../../service/backoff.ts';
import { plainEnvironment } from '../plain-environment.ts';

const PROGRAM = fileURLToPath(new URL('../../../producers/communicator/main.ts', import.meta.url));
const READY_WITHIN_MS = 120_000;
const LINES_KEPT = 40;

export interface CommunicatorOptions {
  readonly folder: string;
  readonly instance: string;
  readonly gatewayPort: number;
  readonly healthPort: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ready: boolean; readonly detail: string }>>;
  readonly facts: { readonly counters?: Readonly<Record<string, number>>; readonly [name: string]: unknown };
}

export class CommunicatorProcess {
  readonly #options: CommunicatorOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  /** The newest lines of its log, oldest first: for whoever has to find out what went wrong. */
  readonly lines: string[] = [];

  constructor(options: CommunicatorOptions) {
    this.#options = options;
  }

  get usersUrl(): string {
    return `ws://127.0.0.1:${this.#options.gatewayPort}`;
  }

  get spoolFile(): string {
    return join(this.#options.folder, 'spool', `${this.#options.instance}.sqlite`);
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** `killAt` is for PMC_KILL_AT. */
  start(more: Readonly<Record<string, string>> = {}, killAt = ''): void {
    if (this.isRunning) throw new Error('it is running');
    const { folder, instance, gatewayPort, healthPort, environment } = this.#options;
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        ...plainEnvironment(),
        NODE_ENV: 'production',
        KAFKAJS_NO_PARTITIONER_WARNING: '1',
        PMC_INSTANCE: instance,
        PMC_SPOOL_FOLDER: join(folder, 'spool'),
        PMC_SCHEMA_CACHE: join(folder, 'schemas'),
        PMC_GATEWAY_PORT: String(gatewayPort),
        PMC_HEALTH_PORT: String(healthPort),
        PMC_KILL_AT: killAt,
        ...environment,
        ...more,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#ended = once(child, 'exit');
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line);
        if (this.lines.length > LINES_KEPT) this.lines.shift();
      });
    }
  }

  /** The signal that ended it, or its exit code. */
  async ended(): Promise<NodeJS.Signals | number | null> {
    await this.#ended;
    return this.#child?.signalCode ?? this.#child?.exitCode ?? null;
  }

  async end(signal: NodeJS.Signals): Promise<NodeJS.Signals | number | null> {
    if (this.isRunning) this.#child?.kill(signal);
    return await this.ended();
  }

  /** Undefined while nobody answers. */
  async readiness(): Promise<Readiness | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#options.healthPort}/ready`);
      return (await answer.json()) as Readiness;
    } catch {
      return undefined;
    }
  }

  async counter(name: string): Promise<number> {
    return (await this.readiness())?.facts.counters?.[name] ?? 0;
  }

  async ready(): Promise<void> {
    const deadline = AbortSignal.timeout(READY_WITHIN_MS);
    while ((await this.readiness())?.ready !== true) {
      if (deadline.aborted || !this.isRunning)
        throw new Error(`the communicator is not ready:\n${this.lines.join('\n')}`);
      await pause(50);
    }
  }
}
