// The plan's fingerprint: SHA-256 over the faults that are armed and one line per event of every stream up to a virtual time. It
// holds everything that is planned (who, where, what, when, on which source, which earlier message, which fault and with
// what settings) and nothing that a run adds (run id, wall clock, when a peer connects).
import { createHash } from 'node:crypto';
import type { FaultPlan } from './fault-plan.ts';
import { chatKeyOf, type PlannedEvent } from './generator.ts';
import type { Population } from './population.ts';

const LINES_PER_UPDATE = 1_000;

export interface PlannedStream {
  readonly stream: number;
  /** Of several it is dealt out, a chat always to the same one. */
  readonly sources: readonly string[];
  readonly events: Iterable<PlannedEvent>;
}

interface PlanParts {
  readonly population: Population;
  readonly faultPlan: FaultPlan;
  readonly untilMs: number;
  /** Whether the sources count their events; some faults need it. */
  readonly isNumbered: boolean;
}

export function planHash(streams: Iterable<PlannedStream>, parts: PlanParts): string {
  const hash = createHash('sha256');
  let lines: string[] = parts.faultPlan.armed.map(({ id, arming }) => `${JSON.stringify([id, arming])}\n`);
  for (const { stream, sources, events } of streams) {
    lines.push(...openings(stream, sources, parts.faultPlan));
    for (const event of events) {
      if (event.atMs >= parts.untilMs) break;
      const source = sources[chatKeyOf(event) % sources.length] ?? '/';
      lines.push(planLine(event, { stream, source }, parts));
      if (lines.length < LINES_PER_UPDATE) continue;
      hash.update(lines.join(''));
      lines = [];
    }
  }
  return hash.update(lines.join('')).digest('hex');
}

/** What strikes as each source is dialled for the first time. */
function openings(stream: number, sources: readonly string[], faultPlan: FaultPlan): readonly string[] {
  return sources.map((source, index) => {
    const struck = faultPlan.decideOpening(stream + index + 1, { source, nowMs: 0 });
    return `${JSON.stringify([stream, source, ...struck.map(({ armed }) => armed.id)])}\n`;
  });
}

function planLine(
  event: PlannedEvent,
  { stream, source }: { readonly stream: number; readonly source: string },
  { population: { chats, senders }, faultPlan, isNumbered }: PlanParts,
): string {
  const { kind, n, atMs, actor } = event;
  const chat = kind === 'presence' ? undefined : chats['of' in event ? event.of.chat : event.chat];
  const strike = faultPlan.decide({ stream, n, atMs, dueAtMs: atMs, kind, chat, source, isNumbered })?.armed;
  const fault = strike === undefined ? [] : [strike.id, strike.fault.name];
  return `${JSON.stringify([n, atMs, kind, source, senders[actor], ...particulars(event, chats), ...fault])}\n`;
}

function particulars(event: PlannedEvent, chats: readonly string[]): readonly unknown[] {
  switch (event.kind) {
    case 'message':
      return [chats[event.chat], event.type, event.command ?? null];
    case 'typing':
      return [chats[event.chat], event.status];
    case 'presence':
      return [event.status];
    case 'reaction':
      return [event.of.n, event.reaction];
    case 'delete':
      return [event.of.n, event.forEveryone];
    case 'read':
    case 'delivered':
    case 'edit':
      return [event.of.n];
  }
}
