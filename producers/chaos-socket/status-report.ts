// GET /api/status: the original's fields first, then what else a person or a test wants to know. Pure.
import type { ChaosConfig } from './config.ts';
import type { Connections } from './connections.ts';
import type { RunIdentity } from './frame-writer.ts';
import type { ChaosMetrics } from './metrics.ts';
import type { Profile } from './profile.ts';
import type { Sources } from './sources.ts';

export interface StatusSources {
  readonly config: ChaosConfig;
  readonly profile: Profile;
  readonly identity: RunIdentity;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly connections: Pick<Connections, 'list'>;
  readonly sources: Pick<Sources, 'numbered'>;
  readonly metrics: Pick<ChaosMetrics, 'totals'>;
}

export function statusReport({
  config,
  profile,
  identity,
  startedAtMs,
  nowMs,
  connections,
  sources,
  metrics,
}: StatusSources) {
  const messagesPerMinute = profile.timing.messages_per_minute;
  const { totals } = metrics;
  return {
    activeConnections: connections.list.length,
    profile: {
      id: profile.id,
      name: profile.name,
      description: profile.description,
      messagesPerMinute,
      messageRate: `${Math.floor(60_000 / messagesPerMinute)}ms`,
      events: profile.events,
      messageTypes: profile.message_types,
    },
    run: identity.run,
    seed: identity.seed,
    /** Over all connections; null when the profile sets the pace of each. */
    eventsPerSecond: config.eventsPerSecond ?? null,
    uptimeSeconds: Math.round((nowMs - startedAtMs) / 1_000),
    offered: totals.eventsOffered,
    sent: totals.eventsSent,
    notSent: totals.notSent,
    received: totals.framesReceived,
    withheld: totals.framesWithheld,
    faultsFired: totals.faultsFired,
    /** Sources that count their events: where each stands, and what nobody has acknowledged yet. */
    streams: sources.numbered.map(({ source, status }) => ({ source, ...status })),
    connections: connections.list.map(({ id, source, framesSent, socket }) => {
      return { id, source, framesSent, bufferedBytes: socket.bufferedAmount };
    }),
  };
}
