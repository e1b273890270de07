// What every service's main.ts calls. It owns the order of things: configuration, metrics and health, start, signals,
// stop with a deadline, exit code. A service has two verbs, start and stop; stop may be called twice.
//
//   starting ──► running ──► draining ──► stopped
//       └───────────┴───────────┴──► failed (exit 1, or the error's own exit code)
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Clock, systemClock } from './clock.ts';
import { type ConfigOf, type Environment, readSettings, type Settings, serviceSettings } from './config.ts';
import { describeError, PmcError } from './errors.ts';
import { Health } from './health.ts';
import { healthServer, listen } from './health-server.ts';
import { armKillPoint } from './kill-point.ts';
import { createLogger, type Logger } from './logger.ts';

export interface ServiceContext {
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly health: Health;
  readonly clock: Clock;
  /**
   * Aborted when the service is to stop, also while it starts: what a start waits for it then waits for no longer. It resolves to what is
   * to be stopped by then, or throws the signal's reason where that is nothing.
   */
  readonly stopping: AbortSignal;
  /** Ends the service: for a failure that only a new process can cure. The supervisor starts it again. */
  readonly fail: (error: unknown) => void;
}

export interface Service {
  /** Drains and stops; resolves when nothing is left running. Work not finished by the deadline stays undone, never lost. */
  stop(deadline: { deadlineMs: number }): Promise<void>;
}

export type StartService<S extends Settings> = (config: ConfigOf<S>, context: ServiceContext) => Promise<Service>;

const STOP_DEADLINE_MS = 15_000;

/** Runs a service in this process until a signal, a lost supervisor or a fatal error ends it. */
export async function runService<const S extends Settings>(
  name: string,
  environment: Environment,
  settings: S,
  start: StartService<S & typeof serviceSettings>,
): Promise<void> {
  armKillPoint(environment['PMC_KILL_AT']);
  let config: ConfigOf<S & typeof serviceSettings>;
  try {
    config = readSettings(environment, { ...settings, ...serviceSettings });
  } catch (error) {
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    process.exit(error instanceof PmcError ? error.exitCode : 1);
  }
  const base = readSettings(environment, serviceSettings);
  const logger = createLogger(name, base.logLevel);
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: name });
  collectDefaultMetrics({ register: metrics });
  const health = new Health();
  health.set('lifecycle', false, 'starting');

  let ending = false;
  const stopping = new AbortController();
  let running: Promise<Service> | undefined;
  const end = async (reason: string, exitCode: number): Promise<void> => {
    if (ending) return;
    ending = true;
    stopping.abort();
    health.set('lifecycle', false, `draining: ${reason}`);
    logger.info({ reason }, 'service.stopping');
    setTimeout(() => {
      logger.error({ deadlineMs: STOP_DEADLINE_MS }, 'service.stop.overdue');
      process.exit(1);
    }, STOP_DEADLINE_MS + 1_000).unref();
    try {
      const service = await running?.catch((error: unknown) => {
        if (error !== stopping.signal.reason) throw error;
      });
      await service?.stop({ deadlineMs: STOP_DEADLINE_MS });
      await probes.close();
    } catch (error) {
      logger.error({ error: describeError(error) }, 'service.stop.failed');
      process.exit(exitCode === 0 ? 1 : exitCode);
    }
    logger.info({ exitCode }, 'service.stopped');
    process.exit(exitCode);
  };
  const fail = (error: unknown): void => {
    logger.fatal(
      { error: describeError(error), stack: error instanceof Error ? error.stack : undefined },
      'service.failed',
    );
    void end('failed', error instanceof PmcError ? error.exitCode : 1);
  };

  process.on('SIGTERM', () => void end('SIGTERM', 0));
  process.on('SIGINT', () => void end('SIGINT', 0));
  // The supervisor holds the other end of this channel; when it is gone, nobody is left to restart or stop us.
  process.on('disconnect', () => void end('the supervisor is gone', 0));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);

  const probes = healthServer(health, metrics);
  try {
    const url = await listen(probes, { host: base.host, port: base.healthPort }, 'PMC_HEALTH_PORT');
    const context: ServiceContext = {
      name,
      logger,
      metrics,
      health,
      clock: systemClock,
      stopping: stopping.signal,
      fail,
    };
    running = start(config, context);
    await running;
    if (stopping.signal.aborted) return;
    health.set('lifecycle', true, 'running');
    logger.info({ healthUrl: url }, 'service.started');
    process.send?.({ started: true, healthUrl: url });
  } catch (error) {
    if (stopping.signal.aborted) return;
    running = undefined;
    fail(error);
  }
}
