// The ledgers of gateways and sources, judged as of the time up to which the running audit has read everything (frontier.ts). Pure.
import { TOPIC } from '../../schemas/topics.ts';
import type { AuditedLog } from './audited-log.ts';
import type { GatewayLedger } from './gateway-ledger.ts';
import type { SourceLedger } from './source-ledger.ts';

export interface JudgedLedgers {
  readonly gateway: ReturnType<GatewayLedger['judge']>;
  readonly sources: ReturnType<SourceLedger['judge']>;
  /** Why what it has not read may be as good as anything. */
  readonly lagging: string | undefined;
}

/** Events lie on the incoming topic alone. */
export function incomingStarts(logStarts: ReadonlyMap<string, bigint>, topic: string): ReadonlyMap<string, bigint> {
  return new Map([...logStarts].filter(([name]) => name.startsWith(`${topic}-`)));
}

/** So far the reading may be behind. */
const LAG_MAX_MS = 30_000;

export function judgeLedgers(
  { gateway, sources, positions }: Pick<AuditedLog, 'gateway' | 'sources' | 'positions'>,
  logStarts: ReadonlyMap<string, bigint>,
  asOfMs: number | undefined,
  nowMs: number,
): JudgedLedgers {
  if (asOfMs === undefined) {
    const nothing = { gateway: { epochs: [], findings: [] }, sources: { streams: [], findings: [] } };
    return { ...nothing, lagging: 'the audit is still reading the log' };
  }
  const settledUntil = (epoch: string) => gateway.settledUntil(epoch, positions, logStarts, asOfMs);
  const isBehind = nowMs - asOfMs > LAG_MAX_MS;
  return {
    gateway: gateway.judge(positions, logStarts, asOfMs),
    sources: sources.judge(settledUntil, gateway.forgotten(incomingStarts(logStarts, TOPIC.incoming)), asOfMs),
    lagging: isBehind ? `the audit has not read what came since ${new Date(asOfMs).toISOString()}` : undefined,
  };
}
