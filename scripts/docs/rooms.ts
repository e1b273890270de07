// What the generated pages read: every program with its settings and its metrics. A new room is a line here.
import pg from 'pg';
import type { Registry } from 'prom-client';
import { commandsSettings } from '../../consumers/commands/config.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import { gapDetectorSettings } from '../../consumers/gap-detector/config.ts';
import { auditMetrics } from '../../consumers/gap-detector/metrics.ts';
import { persistenceSettings } from '../../consumers/persistence/config.ts';
import { persistenceMetrics, poolMetrics } from '../../consumers/persistence/metrics.ts';
import { consoleSettings } from '../../operator/console/config.ts';
import { consoleMetrics } from '../../operator/console/metrics.ts';
import { supervisorSettings } from '../../operator/supervisor/config.ts';
import { chaosSettings } from '../../producers/chaos-socket/config.ts';
import { chaosMetrics } from '../../producers/chaos-socket/metrics.ts';
import { terminalSettings } from '../../producers/client/config.ts';
import { communicatorSettings } from '../../producers/communicator/config.ts';
import { communicatorMetrics, tokenMetrics } from '../../producers/communicator/metrics.ts';
import { type Settings, serviceSettings } from '../../service/config.ts';

export interface Room {
  readonly name: string;
  readonly settings: Settings;
  readonly metrics: readonly ((registry: Registry) => unknown)[];
}

const withTokens = (registry: Registry): unknown => tokenMetrics(registry, { size: 0, ageMs: undefined });
const withPool = (registry: Registry): void => poolMetrics(registry, new pg.Pool());

export const SERVICES: readonly Room[] = [
  { name: 'communicator', settings: communicatorSettings, metrics: [communicatorMetrics, withTokens] },
  { name: 'persistence', settings: persistenceSettings, metrics: [persistenceMetrics, withPool] },
  { name: 'commands', settings: commandsSettings, metrics: [commandsMetrics] },
  { name: 'gap-detector', settings: gapDetectorSettings, metrics: [auditMetrics] },
  { name: 'console', settings: consoleSettings, metrics: [consoleMetrics] },
  { name: 'chaos-socket', settings: chaosSettings, metrics: [chaosMetrics] },
].map((room) => ({ ...room, settings: { ...room.settings, ...serviceSettings } }));

/** What `npm start` reads and hands on. */
export const STACK: Settings = supervisorSettings(0);

/** What the client on a terminal reads. */
export const TERMINAL: Settings = terminalSettings(0);
