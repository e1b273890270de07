// Planned event → the frame that the original would send: its fields, their order, its styles of id and content. Ids are
// `msg_<ms>_<9 letters>`, of which four name the run and five count within it, so that two runs never share an id.
// Pure but for what it must remember: the count, and the id each message got, for as long as the plan can refer to it.
import { EVENT_KINDS, type EventKind, type MessageType } from './event-kinds.ts';
import type { PlannedEvent, PlannedMessage } from './generator.ts';
import type { Population } from './population.ts';
import { activeKinds, type Profile } from './profile.ts';

export interface Frame {
  readonly text: string;
  /** What the frame says it is: one of the eight kinds, `connection`, or anything a request to the API made up. */
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly chat: string | undefined;
}

export interface RunIdentity {
  /** A ULID, drawn anew at each start. */
  readonly run: string;
  readonly seed: number;
}

const SERIALS = 36 ** 5;
/** Coprime to 36^5: consecutive serials look drawn, and none comes twice in 60 million. */
const SCATTER = 23_456_789;
const CONTENTS: Record<MessageType, (ms: number) => string> = {
  text: (ms) => `Test message ${ms}`,
  image: (ms) => `[Image: img_${ms}.jpg]`,
  audio: (ms) => `[Audio: audio_${ms}.ogg]`,
  video: (ms) => `[Video: video_${ms}.mp4]`,
  file: (ms) => `[File: doc_${ms}.pdf]`,
  document: (ms) => `[File: doc_${ms}.pdf]`,
  sticker: (ms) => `[Sticker: sticker_${ms}]`,
};

export interface ChosenMessage {
  readonly content: string;
  readonly chat?: string | undefined;
  readonly sender?: string | undefined;
}

export class FrameWriter {
  #profile: Profile;
  #population: Population;
  readonly #runLetters: string;
  #metadata: object;
  readonly #ids = new WeakMap<PlannedMessage, string>();
  #scattered = 0;

  constructor(profile: Profile, population: Population, identity: RunIdentity) {
    this.#profile = profile;
    this.#population = population;
    this.#runLetters = identity.run.slice(-4).toLowerCase();
    this.#metadata = metadataOf(profile);
  }

  /** From now on it writes for another profile. The count goes on, so that ids stay unique. */
  use(profile: Profile, population: Population): void {
    this.#profile = profile;
    this.#population = population;
    this.#metadata = metadataOf(profile);
  }

  hello(nowMs: number): Frame {
    const event = 'connection';
    const timestamp = new Date(nowMs).toISOString();
    const available_events = activeKinds(this.#profile);
    const hello = { event, status: 'connected', timestamp, profile: this.#profile.id, available_events };
    return { text: JSON.stringify(hello), event, id: undefined, chat: undefined };
  }

  planned(event: PlannedEvent, streamStartMs: number): Frame {
    const ms = Math.floor(streamStartMs + event.atMs);
    const id = event.kind === 'message' ? this.#messageId(event, streamStartMs) : this.#nextId(ms);
    const chat = this.#chatOf(event);
    const head = { event: event.kind, id, timestamp: new Date(ms).toISOString() };
    const body = {
      ...head,
      ...this.#particulars(event, chat, streamStartMs, head.timestamp),
      metadata: this.#metadata,
    };
    return { text: JSON.stringify(body), event: event.kind, id, chat };
  }

  /** A message somebody asked for; where nothing is said, from the busiest sender to the busiest chat. */
  chosen(message: ChosenMessage, nowMs: number): Frame {
    const id = this.#nextId(nowMs);
    const chat = message.chat ?? this.#population.chats[0] ?? '';
    const timestamp = new Date(nowMs).toISOString();
    const sender = message.sender ?? this.#population.senders[0] ?? '';
    const { content } = message;
    const metadata = this.#metadata;
    const body = { event: 'message', id, timestamp, sender, chat, message_type: 'text', content, metadata };
    return { text: JSON.stringify(body), event: 'message', id, chat };
  }

  #nextId(ms: number): string {
    this.#scattered = (this.#scattered + SCATTER) % SERIALS;
    return `msg_${ms}_${this.#runLetters}${this.#scattered.toString(36).padStart(5, '0')}`;
  }

  /** The same id each time; a message may be referred to although it was never written (its time had passed). */
  #messageId(message: PlannedMessage, streamStartMs: number): string {
    const known = this.#ids.get(message);
    if (known !== undefined) return known;
    const id = this.#nextId(Math.floor(streamStartMs + message.atMs));
    this.#ids.set(message, id);
    return id;
  }

  #chatOf(event: PlannedEvent): string | undefined {
    if (event.kind === 'presence') return undefined;
    return this.#population.chats['of' in event ? event.of.chat : event.chat];
  }

  #particulars(event: PlannedEvent, chat: string | undefined, streamStartMs: number, timestamp: string): object {
    const ms = Math.floor(streamStartMs + event.atMs);
    const actor = this.#population.senders[event.actor];
    const message_id = 'of' in event ? this.#messageId(event.of, streamStartMs) : undefined;
    switch (event.kind) {
      case 'message': {
        const content = event.command ?? CONTENTS[event.type](ms);
        return { sender: actor, chat, message_type: event.type, content };
      }
      case 'typing':
        return { sender: actor, chat, status: event.status };
      case 'read':
        return { reader: actor, chat, message_id };
      case 'delivered':
        return { recipient: actor, chat, message_id };
      case 'presence':
        return { user: actor, status: event.status, last_seen: timestamp };
      case 'reaction':
        return { user: actor, chat, message_id, reaction: event.reaction };
      case 'edit':
        return { editor: actor, chat, message_id, new_content: `[Edited] Updated message ${ms}` };
      case 'delete':
        return { deleted_by: actor, chat, message_id, delete_for_everyone: event.forEveryone };
    }
  }
}

function metadataOf({ id }: Profile): object {
  return { simulated: true, chaos_socket: true, profile: id };
}

/** The frame's kind as a metric label: few values, whatever somebody types. */
export function kindLabel(event: string | undefined): EventKind | 'connection' | 'other' {
  if (event === 'connection') return event;
  return EVENT_KINDS.find((kind) => kind === event) ?? 'other';
}
