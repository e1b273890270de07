// The whole system as a user has it: `pmc up` in a scratch folder on free ports, with its own servers and services, and the
// command line to ask it. Started once per test file.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { inject, vi } from 'vitest';
import type { AuditReport } from '../../consumers/gap-detector/report.ts';
import type { StackStatus } from '../../operator/supervisor/stack-status.ts';
import { type PmcAnswer, pmcCommand } from './pmc-command.ts';
import { runStack, type StandInRun, scratchHome, scratchPorts } from './stand-in-run.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
const SILENT_MS = 600_000;

export class System {
  readonly status: StackStatus;
  readonly pool: pg.Pool;
  readonly #home: string;
  readonly #run: StandInRun;
  readonly #environment: Readonly<Record<string, string>>;

  static async start(environment: Readonly<Record<string, string>>): Promise<System> {
    const home = scratchHome();
    const all = {
      ...(await scratchPorts()),
      PMC_ARTIFACTS: inject('artifacts'),
      NODE_ENV: 'production',
      ...environment,
    };
    const run = runStack([PMC, 'up'], home, all);
    return new System(home, run, all, await run.ready());
  }

  private constructor(
    home: string,
    run: StandInRun,
    environment: Readonly<Record<string, string>>,
    status: StackStatus,
  ) {
    this.#home = home;
    this.#run = run;
    this.#environment = environment;
    this.status = status;
    this.pool = new pg.Pool({ connectionString: status.database.url, max: 2 });
  }

  /** Runs `pmc` with these arguments to its end. */
  pmc(...args: readonly string[]): Promise<PmcAnswer> {
    return pmcCommand({ PMC_HOME: this.#home, ...this.#environment }, ...args);
  }

  /** `pmc audit run --json`, waiting for what is on the log now to settle. */
  async audit(): Promise<{ code: number; report: AuditReport }> {
    const { code, stdout, stderr } = await this.pmc('audit', 'run', '--json', '--wait', '60');
    if (stdout === '') throw new Error(`pmc audit run ended with ${code}: ${stderr}`);
    return { code, report: JSON.parse(stdout) as AuditReport };
  }

  async rows<T extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<readonly T[]> {
    return (await this.pool.query<T>(sql, [...values])).rows;
  }

  async count(table: string): Promise<number> {
    const [row] = await this.rows<{ count: string }>(`select count(*) from ${table}`);
    return Number(row?.count);
  }

  /** Sends a signal to a service and returns its pid. */
  async kill(name: string, signal: NodeJS.Signals): Promise<number> {
    const { services } = await this.#run.status();
    const pid = services.find((service) => service.name === name)?.pid;
    if (pid === null || pid === undefined) throw new Error(`${name} does not run`);
    process.kill(pid, signal);
    return pid;
  }

  /** Waits until a service runs under another pid and says that it is ready. */
  async restarted(name: string, before: number): Promise<void> {
    await vi.waitFor(
      async () => {
        const { services } = await this.#run.status();
        const service = services.find((one) => one.name === name);
        if (service?.pid === before || service?.state !== 'running' || !service.ready)
          throw new Error(`${name}: ${service?.state}`);
      },
      { timeout: 60_000, interval: 250 },
    );
  }

  /** From now on the simulator sends nothing; it stays, hears acknowledgements and tells what it sent. */
  async silence(): Promise<void> {
    const stall = { fault: 'stall', probability: 1, options: { forMs: SILENT_MS } };
    const answer = await fetch(`${this.status.simulator?.apiUrl}/api/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(stall),
    });
    if (!answer.ok) throw new Error(`the simulator goes on: ${await answer.text()}`);
  }

  async stop(): Promise<number | string> {
    await this.pool.end();
    this.#run.process.kill('SIGTERM');
    const outcome = await this.#run.ended;
    rmSync(this.#home, { recursive: true, force: true });
    return outcome;
  }
}
