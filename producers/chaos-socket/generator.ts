// The plan: from a profile and a seed, an endless series of chat events in virtual time (milliseconds since the stream
// began). Pure: the same specification gives the same series, whatever the clock or the network do. People and chats are
// indexes into the population; references point to earlier messages of the same stream and take over their chat.

import { below, type Random, seededRandom } from '../../service/random.ts';
import {
  EVENT_KINDS,
  MESSAGE_TYPES,
  type MessageType,
  type PresenceState,
  REACTIONS,
  TYPING_STATES,
  type TypingState,
} from './event-kinds.ts';
import { type Phases, timeOfArea } from './phases.ts';
import type { Population } from './population.ts';
import type { Profile } from './profile.ts';
import { weightedChoice } from './weights.ts';

interface Happening {
  /** Position in the stream, from 0. */
  readonly n: number;
  readonly atMs: number;
  readonly actor: number;
}

export interface PlannedMessage extends Happening {
  readonly kind: 'message';
  readonly chat: number;
  readonly type: MessageType;
  /** A command; undefined stands for the usual content of the type. */
  readonly command: string | undefined;
}

export type PlannedEvent =
  | PlannedMessage
  | (Happening & { readonly kind: 'typing'; readonly chat: number; readonly status: TypingState })
  | (Happening & { readonly kind: 'presence'; readonly status: PresenceState })
  | (Happening & { readonly kind: 'read' | 'delivered' | 'edit'; readonly of: PlannedMessage })
  | (Happening & { readonly kind: 'reaction'; readonly of: PlannedMessage; readonly reaction: string })
  | (Happening & { readonly kind: 'delete'; readonly of: PlannedMessage; readonly forEveryone: boolean });

/** What keeps events together that must keep their order: the chat, or the person where there is none. */
export function chatKeyOf(event: PlannedEvent): number {
  if (event.kind === 'presence') return event.actor;
  return 'of' in event ? event.of.chat : event.chat;
}

export interface PlanSpecification {
  readonly profile: Profile;
  readonly population: Population;
  readonly seed: number;
  /** Which of the seed's streams: 0 for the first connection, and so on. */
  readonly stream: number;
  /** Replaces the profile's pace by independent arrivals at this mean rate. */
  readonly eventsPerSecond?: number | undefined;
  /** Replaces it by independent arrivals at a rate that changes; nothing comes after the last phase. */
  readonly phases?: Phases | undefined;
}

/** How many of the newest messages can still be referred to. */
const MEMORY_MAX = 4_096;

export function* planEvents(specification: PlanSpecification): Generator<PlannedEvent, never, void> {
  const { profile, population, seed, stream } = specification;
  const random = seededRandom(seed, stream);
  const nextDelayMs = pace(specification, random);
  const drawKind = weightedChoice(EVENT_KINDS.map((kind) => [kind, profile.events[kind] ?? 0] as const));
  const drawType = weightedChoice(MESSAGE_TYPES.map((type) => [type, profile.message_types[type] ?? 0] as const));
  const { commands, presence } = profile;
  const readDelay = profile.timing.read_delay_ms;
  const memory: PlannedMessage[] = [];
  let remembered = 0;

  const remember = (message: PlannedMessage): PlannedMessage => {
    memory[remembered++ % MEMORY_MAX] = message;
    return message;
  };
  /** Any remembered message; when it is younger than wanted, the oldest one. */
  const earlier = (latestMs: number): PlannedMessage | undefined => {
    const drawn = memory[below(random, memory.length)];
    if (drawn === undefined || drawn.atMs <= latestMs) return drawn;
    return memory[remembered > MEMORY_MAX ? remembered % MEMORY_MAX : 0];
  };
  const somebodyBut = (sender: number): number => {
    const drawn = population.drawSender(random);
    return drawn === sender ? (drawn + 1) % population.senders.length : drawn;
  };
  const message = (n: number, atMs: number): PlannedMessage => {
    const isCommand = commands !== undefined && random() < commands.probability;
    const command = isCommand ? commands.texts[below(random, commands.texts.length)] : undefined;
    const type = command === undefined ? drawType(random) : 'text';
    const actor = population.drawSender(random);
    return remember({ kind: 'message', n, atMs, actor, chat: population.drawChat(random), type, command });
  };
  const statusOf = (actor: number, n: number, atMs: number): PresenceState => {
    const span = presence.status_change_interval_ms;
    const mood = population.mood(actor, span === 0 ? n : Math.floor(atMs / span));
    if (mood < presence.online_probability) return 'online';
    return mood < (1 + presence.online_probability) / 2 ? 'offline' : 'away';
  };

  let atMs = 0;
  for (let n = 0; ; n++) {
    atMs = microseconds(atMs + nextDelayMs());
    const kind = drawKind(random);
    if (kind === 'message') {
      yield message(n, atMs);
      continue;
    }
    if (kind === 'typing') {
      const status = TYPING_STATES[below(random, TYPING_STATES.length)] ?? 'composing';
      yield { kind, n, atMs, actor: population.drawSender(random), chat: population.drawChat(random), status };
      continue;
    }
    if (kind === 'presence') {
      const actor = population.drawSender(random);
      yield { kind, n, atMs, actor, status: statusOf(actor, n, atMs) };
      continue;
    }
    const of = earlier(kind === 'read' ? atMs - readDelay.min - random() * (readDelay.max - readDelay.min) : atMs);
    // Nothing to refer to yet: a conversation begins with a message.
    if (of === undefined) yield message(n, atMs);
    else if (kind === 'edit') yield { kind, n, atMs, actor: of.actor, of };
    else if (kind === 'delete') yield { kind, n, atMs, actor: of.actor, of, forEveryone: random() < 0.5 };
    else if (kind === 'reaction') {
      const reaction = REACTIONS[below(random, REACTIONS.length)] ?? '👍';
      yield { kind, n, atMs, actor: somebodyBut(of.actor), of, reaction };
    } else yield { kind, n, atMs, actor: somebodyBut(of.actor), of };
  }
}

/** Milliseconds to the next event: the profile's interval with bursts, or exponential gaps at a given rate. */
function pace({ profile, eventsPerSecond, phases }: PlanSpecification, random: Random): () => number {
  if (phases !== undefined) return paceOfPhases(phases, random);
  if (eventsPerSecond !== undefined) return () => (-Math.log(1 - random()) * 1_000) / eventsPerSecond;
  const { timing } = profile;
  const intervalMs = 60_000 / timing.messages_per_minute;
  let quickLeft = 0;
  let inBurst = false;
  return () => {
    if (random() >= timing.burst_probability || (inBurst && quickLeft === 0)) {
      inBurst = false;
      return intervalMs;
    }
    if (!inBurst) {
      const { min, max } = timing.burst_size;
      quickLeft = Math.max(1, Math.floor(min + random() * (max - min + 1)));
      inBurst = true;
    }
    quickLeft--;
    const quick = timing.typing_delay_ms;
    return quick.min + random() * (quick.max - quick.min);
  };
}

function paceOfPhases(phases: Phases, random: Random): () => number {
  let area = 0;
  let lastMs = 0;
  return () => {
    area -= Math.log(1 - random());
    const nextMs = timeOfArea(phases, area) ?? Number.POSITIVE_INFINITY;
    const gapMs = nextMs - lastMs;
    lastMs = nextMs;
    return gapMs;
  };
}

function microseconds(valueMs: number): number {
  return Math.round(valueMs * 1_000) / 1_000;
}
