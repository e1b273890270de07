// What happened beside the findings: gateways and sources that came and went, rebalances, leader changes, outages, actions of
// operators. Coincidence is no cause; it is where a person begins to look. Pure.
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { firstWhere } from '../../service/first-where.ts';
import type { Finding } from './verdict.ts';

export const TIMELINE_KINDS = [
  'gateway-opened',
  'gateway-closed',
  'source-opened',
  'source-closed',
  'rebalance',
  'leader-change',
  'outage',
  'operator-action',
] as const;

export interface TimelineEvent {
  readonly atMs: number;
  readonly kind: (typeof TIMELINE_KINDS)[number];
  /** Who or what: a source, a gateway epoch, a partition. */
  readonly subject: string;
  readonly detail: string;
}

const KEPT_MAX = 5_000;
const NEAR_MS = 10_000;
const COINCIDENT_MAX = 5;

/** The newest events, in the order of their times. */
export class Timeline {
  readonly #events: TimelineEvent[] = [];

  get events(): readonly TimelineEvent[] {
    return this.#events;
  }

  /** What is known already is not added again. */
  add(event: TimelineEvent): void {
    let index = this.#events.length;
    while (index > 0 && (this.#events[index - 1]?.atMs ?? 0) > event.atMs) index -= 1;
    for (let same = index - 1; this.#events[same]?.atMs === event.atMs; same -= 1)
      if (this.#events[same]?.kind === event.kind && this.#events[same]?.subject === event.subject) return;
    this.#events.splice(index, 0, event);
    if (this.#events.length > KEPT_MAX) this.#events.shift();
  }

  checkpoint({ kind, source, gatewayEpoch, instance, at, reason }: SourceCheckpoint): void {
    if (kind !== 'opened' && kind !== 'closed') return;
    const why = reason === null ? '' : `: ${reason}`;
    if (source === null)
      this.add({
        atMs: at,
        kind: `gateway-${kind}`,
        subject: gatewayEpoch,
        detail: `${instance} ${kind} its epoch${why}`,
      });
    else
      this.add({
        atMs: at,
        kind: `source-${kind}`,
        subject: source,
        detail: `the connection of ${instance} ${kind}${why}`,
      });
  }
}

/** Findings whose time is known, each with what happened within ten seconds of it, nearest first. Events are in the order of their times. */
export function withCoincident(findings: readonly Finding[], events: readonly TimelineEvent[]): readonly Finding[] {
  return findings.map((finding) => {
    const { receivedAt } = finding;
    if (receivedAt === undefined) return finding;
    const near = events
      .slice(
        firstWhere(events, ({ atMs }) => atMs >= receivedAt - NEAR_MS),
        firstWhere(events, ({ atMs }) => atMs > receivedAt + NEAR_MS),
      )
      .map((event) => ({ ...event, apartMs: event.atMs - receivedAt }))
      .sort((a, b) => Math.abs(a.apartMs) - Math.abs(b.apartMs))
      .slice(0, COINCIDENT_MAX);
    if (near.length === 0) return finding;
    return {
      ...finding,
      coincident: near.map((event) => `${event.kind} ${event.subject} ${signed(event.apartMs)}: ${event.detail}`),
    };
  });
}

function signed(apartMs: number): string {
  return `${apartMs < 0 ? '-' : '+'}${(Math.abs(apartMs) / 1_000).toFixed(1)} s`;
}
