// A broker and a database of a test's own behind links that break, and on them the services as processes: a communicator, persistence
// and a gap-detector, each of which can be told where to kill itself. One growing log for all seeds of a run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import pg from 'pg';
import { inject } from 'vitest';
import { storeFindings } from '../../../consumers/gap-detector/audit-store.ts';
import { boundedAudit } from '../../../consumers/gap-detector/bounded-audit.ts';
import { COVERAGE_MIN } from '../../../consumers/gap-detector/config.ts';
import type { AuditReport } from '../../../consumers/gap-detector/report.ts';
import { partTarget } from '../../../experiment/faults/run-outages.ts';
import { RunServers } from '../../../experiment/run-servers.ts';
import { ensureTopics } from '../../../kafka/bootstrap.ts';
import { Codec } from '../../../kafka/codec.ts';
import { openAdmin, openRangeReader } from '../../../kafka/connect.ts';
import type { LogAdmin, RangeReader } from '../../../kafka/log.ts';
import { migrateDatabase } from '../../../schemas/database/migrate.ts';
import { GROUP, TOPIC } from '../../../schemas/topics.ts';
import { systemClock } from '../../../service/clock.ts';
import { freePorts } from '../free-ports.ts';
import { LogContent } from '../gateway/log-content.ts';
import { ServiceProcess } from '../service-process.ts';
import type { Breakage } from './chaos-plan.ts';

export type Killable = 'communicator' | 'persistence' | 'gap-detector';

/** One life of a communicator, as the test itself has seen it. */
interface Life {
  readonly fromMs: number;
  untilMs: number;
  wasKilled: boolean;
}

const GROUPS: Readonly<Record<Killable, readonly string[]>> = {
  communicator: [GROUP.communicator, `${GROUP.communicator}.chaos`],
  persistence: [GROUP.persistence],
  'gap-detector': [GROUP.gapDetector],
};
const AUDIT_GRACE_MS = 500;
const AUDIT_WAIT_MS = 30_000;

export class ChaosBench {
  readonly servers: RunServers;
  readonly pool: pg.Pool;
  readonly content: LogContent;
  /** Of communicators, oldest first. */
  readonly lives: Life[] = [];
  readonly #folder: string;
  readonly #direct: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #admin: LogAdmin;
  readonly #ranges: RangeReader;
  readonly #codec: Codec;
  readonly #running = new Map<Killable, ServiceProcess>();
  readonly #spares = new Set<ServiceProcess>();

  static async start(): Promise<ChaosBench> {
    const folder = mkdtempSync(join(tmpdir(), 'pmc-audit-chaos-'));
    const [kafka = 0, controller = 0, database = 0, gatewayPort = 0] = await freePorts(4);
    const servers = await RunServers.start({
      folder,
      artifacts: inject('artifacts'),
      ports: { kafka, controller, database },
      environment: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    });
    await migrateDatabase(servers.directDatabaseUrl);
    await ensureTopics({ brokers: servers.brokers });
    const codec = new Codec(inject('registryUrl'));
    await codec.prepare(Object.values(TOPIC));
    return new ChaosBench(servers, codec, { folder, gatewayPort, direct: `127.0.0.1:${kafka}` });
  }

  private constructor(
    servers: RunServers,
    codec: Codec,
    { folder, gatewayPort, direct }: { readonly folder: string; readonly gatewayPort: number; readonly direct: string },
  ) {
    this.servers = servers;
    this.#codec = codec;
    this.#folder = folder;
    this.#direct = direct;
    this.pool = new pg.Pool({ connectionString: servers.directDatabaseUrl, max: 4 });
    // Idle connections of a database that is killed.
    this.pool.on('error', () => undefined);
    // A broker tells its clients to come by the link, so this is the way for those who check as well: they ask when it is whole.
    const config = { brokers: servers.brokers };
    this.content = new LogContent(servers.brokers, inject('registryUrl'));
    this.#admin = openAdmin({ config, clientId: 'test-audit' });
    this.#ranges = openRangeReader({ config, clientId: 'test-audit' });
    this.#environment = {
      PMC_KAFKA_BROKERS: servers.brokers.join(','),
      PMC_REGISTRY_URL: inject('registryUrl'),
      DATABASE_URL: servers.databaseUrl,
      PMC_LOG_LEVEL: 'info',
      PMC_SCHEMA_CACHE: join(folder, 'schemas'),
      PMC_SPOOL_FOLDER: join(folder, 'spool'),
      PMC_INSTANCE: 'chaos',
      PMC_GATEWAY_PORT: String(gatewayPort),
      PMC_AUDIT_INTERVAL_MS: '500',
      PMC_AUDIT_GRACE_MS: '1000',
    };
  }

  /** Starts a service in the place that is free; `killAt` is for PMC_KILL_AT. */
  run(name: Killable, more: Readonly<Record<string, string>> = {}, killAt = ''): ServiceProcess {
    if (this.#running.has(name)) throw new Error(`${name} runs already`);
    const service = this.spare(name, more, killAt);
    this.#spares.delete(service);
    this.#running.set(name, service);
    if (name === 'communicator') this.#noteLife(service);
    return service;
  }

  /** One more of a service, beside the one in its place. */
  spare(name: Killable, more: Readonly<Record<string, string>> = {}, killAt = ''): ServiceProcess {
    const spare = ServiceProcess.start(name, { ...this.#environment, ...more, PMC_KILL_AT: killAt });
    this.#spares.add(spare);
    return spare;
  }

  /** Whatever a seed has left, what each begins with: persistence and the audit run, and nothing else. */
  async begin(): Promise<void> {
    await this.end('communicator', 'SIGTERM');
    for (const spare of this.#spares) await spare.stop();
    this.#spares.clear();
    for (const name of ['persistence', 'gap-detector'] as const) if (!this.#running.has(name)) this.run(name);
  }

  running(name: Killable): ServiceProcess {
    const service = this.#running.get(name);
    if (service === undefined) throw new Error(`${name} does not run`);
    return service;
  }

  /** Ends the service in its place, if it has not ended by itself. */
  async end(name: Killable, signal: NodeJS.Signals): Promise<void> {
    const service = this.#running.get(name);
    this.#running.delete(name);
    await service?.stop(signal);
    if (signal === 'SIGKILL') await this.forget(name);
  }

  /** What a broker does when the sessions of a group have timed out, at once: nobody has to wait for the dead, the living come again. */
  async forget(name: Killable): Promise<void> {
    const admin = new Admin({ clientId: 'test-chaos', bootstrapBrokers: [this.#direct], retries: 3, retryDelay: 200 });
    try {
      for (const groupId of GROUPS[name])
        await admin.removeMembersFromConsumerGroup({ groupId }).catch(() => undefined);
    } finally {
      await admin.close();
    }
  }

  async break({ part, outage, forMs }: Breakage): Promise<void> {
    const target = partTarget(this.servers[part]);
    await target.begin(outage);
    await new Promise((resolve) => setTimeout(resolve, forMs));
    await target.heal(outage);
  }

  /** One bounded audit of the whole log, whose findings go onto the books as those of `pmc audit run`. */
  async audit(): Promise<AuditReport> {
    const tools = { admin: this.#admin, ranges: this.#ranges, codec: this.#codec, clock: systemClock, pool: this.pool };
    const options = { graceMs: AUDIT_GRACE_MS, coverageMin: COVERAGE_MIN, waitMs: AUDIT_WAIT_MS };
    const report = await boundedAudit(tools, options);
    await storeFindings(this.pool, report, { isComplete: report.suspect === 0 });
    return report;
  }

  /** The newest report of the running audit. */
  async liveReport(): Promise<AuditReport | undefined> {
    const { rows } = await this.pool.query<{ report: string }>(
      `select report::text as report from audit.runs where mode = 'live' order by finished_at desc limit 1`,
    );
    return rows[0] && (JSON.parse(rows[0].report) as AuditReport);
  }

  /** For whoever has to find out what went wrong. */
  logs(): string {
    return [...this.#running].map(([name, { log }]) => `== ${name}\n${log.slice(-3_000)}`).join('\n');
  }

  async stop(): Promise<void> {
    for (const spare of this.#spares) await spare.stop();
    for (const name of [...this.#running.keys()]) await this.end(name, 'SIGTERM');
    await Promise.all([this.content.stop(), this.#admin.stop(), this.#ranges.stop(), this.pool.end()]);
    await this.servers.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #noteLife(service: ServiceProcess): void {
    const life: Life = { fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY, wasKilled: false };
    this.lives.push(life);
    void service.ended.then(({ signal }) => {
      life.untilMs = Date.now();
      life.wasKilled = signal === 'SIGKILL';
    });
  }
}
