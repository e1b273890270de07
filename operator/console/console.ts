// The console as a service. It owns its database pool, its admin connection and the HTTP server, and promises to serve the
// page whatever is away: a source that does not answer is shown as such. It writes nothing anywhere.
import { openAdmin } from '../../kafka/connect.ts';
import { checkExposure } from '../../service/access.ts';
import { pause } from '../../service/backoff.ts';
import { createPool } from '../../service/database.ts';
import { listen } from '../../service/health-server.ts';
import type { Service, ServiceContext } from '../../service/lifecycle.ts';
import { LiveTokens } from '../../service/live-tokens.ts';
import type { TokenRole } from '../../service/token-format.ts';
import type { ConsoleConfig } from './config.ts';
import { Conversations } from './conversations.ts';
import { withDeadline } from './deadline.ts';
import { consoleMetrics } from './metrics.ts';
import { observer } from './observe.ts';
import { Sampler } from './sampler.ts';
import { consoleServer } from './server.ts';
import { NOTHING_SEEN, takeSnapshot } from './snapshot.ts';
import { Watchers } from './watchers.ts';

const SAMPLE_INTERVAL_MS = 1_000;
const REST_AFTER_MS = 30_000;
const CONNECTIONS_MAX = 2;
const ADMIN_STOP_MAX_MS = 2_000;
/** Whose tokens open the console; it only shows, so all of them may the same. */
const ROLES: ReadonlySet<TokenRole> = new Set(['viewer', 'operator', 'admin']);

export async function startConsole(config: ConsoleConfig, context: ServiceContext): Promise<Service> {
  const { logger, metrics: registry, health, clock } = context;
  checkExposure(config.host, config.token, 'PMC_CONSOLE_TOKEN');
  const metrics = consoleMetrics(registry);
  const pool = createPool(config.databaseUrl, logger, CONNECTIONS_MAX);
  const admin = openAdmin({ config, clientId: 'pmc-console' });
  const observe = observer({
    pool,
    databaseUrl: config.databaseUrl,
    admin,
    controlUrl: config.controlUrl,
    controlToken: config.controlToken,
    clock,
    onFailure: (source, reason) => {
      metrics.sourceFailures.inc({ source });
      logger.debug({ source, reason }, 'console.source.away');
    },
  });
  let memory = NOTHING_SEEN;
  const sampler = new Sampler({
    take: async () => {
      const stopTimer = metrics.sampleDuration.startTimer();
      const taken = takeSnapshot(await observe(), memory);
      memory = taken.memory;
      stopTimer();
      return taken.snapshot;
    },
    clock,
    pause,
    intervalMs: SAMPLE_INTERVAL_MS,
    restAfterMs: REST_AFTER_MS,
    onBroken: context.fail,
  });
  const watchers = new Watchers(sampler, metrics);
  const tokens = LiveTokens.start({ pool, clock, logger });
  tokens.onEnded((tokenId) => watchers.dismiss(tokenId));
  const made = {
    roles: ROLES,
    find: (text: string) => tokens.find(text),
    liveById: (tokenId: string) => tokens.liveById(tokenId),
  };
  const conversations = new Conversations(pool);
  const server = consoleServer({ token: config.token, made, sampler, conversations, watchers, metrics });
  const url = await listen(server, { host: config.host, port: config.port }, 'PMC_CONSOLE_PORT');
  health.set('http', true, `serving on ${url}`);
  health.fact('counters', () => ({ watchers: watchers.count, samplesTaken: memory.sequence }));
  health.fact('url', () => url);
  logger.info({ url }, 'console.listening');

  const stop = async (): Promise<void> => {
    sampler.stop();
    tokens.stop();
    watchers.stop();
    await server.close();
    // With Kafka away the admin client can take long to give up; nothing of ours waits for it.
    await withDeadline(
      admin.stop().catch(() => undefined),
      ADMIN_STOP_MAX_MS,
    );
    await pool.end();
  };
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
