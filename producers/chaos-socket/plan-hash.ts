// The plan's fingerprint: SHA-256 over one line per event of a stream up to a virtual time. It holds everything that is
// planned (who, where, what, when, which earlier message, which fault) and nothing that a run adds (run id, wall clock).
import { createHash } from 'node:crypto';
import type { FaultPlan } from './fault-plan.ts';
import type { PlannedEvent } from './generator.ts';
import type { Population } from './population.ts';

const LINES_PER_UPDATE = 1_000;

interface PlanParts {
  readonly population: Population;
  readonly faultPlan: FaultPlan;
  readonly untilMs: number;
}

export function planHash(plan: Iterable<PlannedEvent>, { population, faultPlan, untilMs }: PlanParts): string {
  const hash = createHash('sha256');
  let lines: string[] = [];
  for (const event of plan) {
    if (event.atMs >= untilMs) break;
    lines.push(planLine(event, population, faultPlan));
    if (lines.length === LINES_PER_UPDATE) {
      hash.update(lines.join(''));
      lines = [];
    }
  }
  return hash.update(lines.join('')).digest('hex');
}

function planLine(event: PlannedEvent, { chats, senders }: Population, faultPlan: FaultPlan): string {
  const { kind, n, atMs, actor } = event;
  const chat = kind === 'presence' ? undefined : chats['of' in event ? event.of.chat : event.chat];
  const place = { stream: 0, n, atMs, dueAtMs: atMs, kind, chat, source: '/', isNumbered: true };
  const strike = faultPlan.decide(place)?.armed;
  const fault = strike === undefined ? [] : [strike.id, strike.fault.name];
  return `${JSON.stringify([n, atMs, kind, senders[actor], ...particulars(event, chats), ...fault])}\n`;
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
