// What the console tells about conversations: which there are, and the messages of one, newest first, each with what became of it.
// A page begins behind the last message of the page before, so that messages that come meanwhile move nothing. It ends early where
// the states of its messages are more than should be held at once.

import { storable } from '../../schemas/column-text.ts';
import { UUID } from '../../schemas/event-key.ts';
import { type MessageState, type MessageView, NOTHING_HAPPENED, viewOf } from '../../schemas/message-state.ts';
import type { Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';

const QUERY_TIMEOUT_MS = 5_000;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** Of the states of a page, unless that of its first message is larger alone. */
const STATES_BYTES_MAX = 16 * 1_048_576;
const CURSOR = /^(-?\d{1,15})_(\d{1,19})_(.*)$/;
const TIME_MS_MAX = 8.64e15;
const INT8_MAX = 2n ** 63n - 1n;

export interface PageRequest {
  readonly source: string | undefined;
  /** Messages on the page at most, 1 to 200; 50 by default. */
  readonly limit: string | undefined;
  /** `next` of the page before. */
  readonly before: string | undefined;
}

export interface MessagePage {
  readonly schemaVersion: 1;
  readonly chat: string;
  readonly messages: readonly ShownMessage[];
  /** Asks for the page behind this one; null on the last. */
  readonly next: string | null;
}

interface ShownMessage extends MessageView {
  /** The event key. */
  readonly key: string;
  readonly id: string | null;
  readonly source: string;
  readonly sender: string | null;
  readonly type: string | null;
  /** ISO 8601; the sender's own clock, null where it cannot be read. */
  readonly sentAt: string | null;
  readonly receivedAt: string;
  readonly place: { readonly incarnation: string; readonly partition: number; readonly offset: number };
}

interface MessageRow {
  readonly id: string;
  readonly event_id: string | null;
  readonly source: string;
  readonly sender: string | null;
  readonly type: string | null;
  readonly content: string | null;
  readonly timestamp: Date | null;
  readonly received_at: Date;
  readonly incarnation: string;
  readonly partition: number;
  readonly record_offset: string;
}

/** $1 chat, $2 source or null, $3 time, $4 offset and $5 key of the last message before the page, $6 how many. */
export const MESSAGES_OF_CHAT = `
  select id, event_id, source, sender, type, content, timestamp, received_at, incarnation, partition, record_offset
  from message_metadata
  where kind = 'message' and chat = $1 and ($2::text is null or source = $2)
    and received_at <= $3 and (received_at, record_offset, id) < ($3::timestamptz, $4::bigint, $5::uuid)
  order by received_at desc, record_offset desc, id desc
  limit $6`;

/** $1 sources, $2 message ids. */
export const STATES_OF_MESSAGES = `
  select source, message_id, state from message_state
  join unnest($1::text[], $2::text[]) as given (source, message_id) using (source, message_id)`;

/** The same, for the size of each state. */
const SIZES_OF_STATES = `
  select source, message_id, octet_length(state::text) as bytes from message_state
  join unnest($1::text[], $2::text[]) as given (source, message_id) using (source, message_id)`;

/** $1 how many. */
export const NEWEST_CONVERSATIONS = `
  select source, chat, first_at, last_at from conversations order by last_at desc, source, chat limit $1`;

export class Conversations {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async newest(limit: string | undefined): Promise<object> {
    const rows = await this.#rows<{ source: string; chat: string; first_at: Date; last_at: Date }>(
      NEWEST_CONVERSATIONS,
      [pageSize(limit)],
    );
    const conversations = rows.map(({ source, chat, first_at, last_at }) => {
      return { source, chat, firstAt: first_at.toISOString(), lastAt: last_at.toISOString() };
    });
    return { schemaVersion: 1, conversations };
  }

  /** Undefined where there is no such conversation. Throws PMC_USAGE for a request that cannot be answered. */
  async page(chat: string, { source, limit, before }: PageRequest): Promise<MessagePage | undefined> {
    const size = pageSize(limit);
    const of = [storable(chat), source === undefined ? null : storable(source)];
    const rows = await this.#rows<MessageRow>(MESSAGES_OF_CHAT, [...of, ...positionOf(before), size + 1]);
    if (rows.length === 0 && before === undefined && !(await this.#isKnown(of))) return undefined;
    const shown = await this.#atOnce(rows.slice(0, size));
    const states = await this.#states(shown);
    const messages = shown.map((row) => shownMessage(row, states.get(nameOf(row.source, row.event_id))));
    const last = shown.at(-1);
    const next = rows.length > shown.length && last !== undefined ? cursorOf(last) : null;
    return { schemaVersion: 1, chat, messages, next };
  }

  async #isKnown(of: readonly (string | null)[]): Promise<boolean> {
    const text = 'select from conversations where chat = $1 and ($2::text is null or source = $2) limit 1';
    return (await this.#rows(text, of)).length > 0;
  }

  /** The first of these messages whose states may be held at once; at least one. */
  async #atOnce(rows: readonly MessageRow[]): Promise<readonly MessageRow[]> {
    const sizes = await this.#ofMessages<{ bytes: number }>(SIZES_OF_STATES, rows);
    let bytes = 0;
    const end = rows.findIndex(({ source, event_id }, index) => {
      bytes += sizes.get(nameOf(source, event_id))?.bytes ?? 0;
      return index > 0 && bytes > STATES_BYTES_MAX;
    });
    return end === -1 ? rows : rows.slice(0, end);
  }

  async #states(rows: readonly MessageRow[]): Promise<ReadonlyMap<string, MessageState>> {
    const found = await this.#ofMessages<{ state: MessageState }>(STATES_OF_MESSAGES, rows);
    return new Map([...found].map(([name, { state }]) => [name, state]));
  }

  async #ofMessages<R>(text: string, rows: readonly MessageRow[]): Promise<ReadonlyMap<string, R>> {
    const named = rows.filter(({ event_id }) => event_id !== null);
    if (named.length === 0) return new Map();
    const keys = [named.map(({ source }) => source), named.map(({ event_id }) => event_id)];
    const found = await this.#rows<R & { source: string; message_id: string }>(text, keys);
    return new Map(found.map((row) => [nameOf(row.source, row.message_id), row]));
  }

  async #rows<R extends object>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    const { rows } = await this.#pool.query<R>({
      text,
      values: [...values],
      query_timeout: QUERY_TIMEOUT_MS,
    } as object & {
      text: string;
    });
    return rows;
  }
}

function shownMessage(row: MessageRow, state: MessageState = NOTHING_HAPPENED): ShownMessage {
  const { incarnation, partition, record_offset } = row;
  return {
    key: row.id,
    id: row.event_id,
    source: row.source,
    sender: row.sender,
    type: row.type,
    sentAt: row.timestamp?.toISOString() ?? null,
    receivedAt: row.received_at.toISOString(),
    place: { incarnation, partition, offset: Number(record_offset) },
    ...viewOf(state, row.content),
  };
}

function nameOf(source: string, messageId: string | null): string {
  return JSON.stringify([source, messageId]);
}

function cursorOf({ received_at, record_offset, id }: MessageRow): string {
  return `${received_at.getTime()}_${record_offset}_${id}`;
}

function positionOf(before: string | undefined): readonly [string, string, string] {
  if (before === undefined) return ['infinity', '0', '00000000-0000-0000-0000-000000000000'];
  const [, timeMs = '', offset = '', id = ''] = CURSOR.exec(before) ?? [];
  if (!UUID.test(id) || Math.abs(Number(timeMs)) > TIME_MS_MAX || BigInt(offset) > INT8_MAX)
    throw new PmcError('PMC_USAGE', '`before` must be the `next` of another page');
  return [new Date(Number(timeMs)).toISOString(), offset, id];
}

function pageSize(limit: string | undefined): number {
  if (limit === undefined) return PAGE_DEFAULT;
  const size = Number(limit);
  if (/^\d{1,4}$/.test(limit) && size >= 1 && size <= PAGE_MAX) return size;
  throw new PmcError('PMC_USAGE', `\`limit\` must be a whole number from 1 to ${PAGE_MAX}`);
}
