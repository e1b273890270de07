// The events that pmc.v1 carries, as a well-formed sender writes them; JSON Schemas are generated from these. The gateway
// does not hold anybody to them: any JSON object goes on the log as it came, and fields that nobody knows stay. Pure.
import { z } from 'zod';
import { PROTOCOL_LIMITS } from './codes.ts';

const id = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,128}$/)
  .describe('Given by the sender, once in its stream.');
const timestamp = z.string().describe('ISO 8601, by the clock of the sender.');
const chat = z.string().min(1).describe('Events of one chat stay in order.');
const person = z.string().min(1);
const message_id = z.string().min(1).max(128).describe('The `id` of the message that this is about.');
const number = z.number().int().min(1).max(PROTOCOL_LIMITS.seq);

/** Additive: a source that cannot resume leaves them out. */
const place = {
  stream: z.string().min(1).max(128).optional().describe('As in hello.'),
  epoch: z.string().min(1).max(128).optional().describe('As in hello.'),
  seq: number
    .optional()
    .describe('The number of the event in its stream and epoch: the first is 1, each next one more.'),
  chat_seq: number.optional().describe('The number of the event in its chat, where the sender counts that too.'),
};

function event<Name extends string, Fields extends z.core.$ZodLooseShape>(name: Name, fields: Fields) {
  const metadata = z.record(z.string(), z.unknown()).optional();
  return z.looseObject({ event: z.literal(name), id, timestamp, ...fields, metadata, ...place });
}

export const EVENT_FRAMES = {
  message: event('message', {
    sender: person,
    chat,
    message_type: z.enum(['text', 'image', 'audio', 'video', 'file', 'document', 'sticker']),
    content: z.string(),
  }),
  typing: event('typing', { sender: person, chat, status: z.enum(['composing', 'paused', 'stopped']) }),
  read: event('read', { reader: person, chat, message_id }),
  delivered: event('delivered', { recipient: person, chat, message_id }),
  presence: event('presence', {
    user: person,
    status: z.enum(['online', 'offline', 'away']),
    last_seen: z.string().optional(),
  }),
  reaction: event('reaction', { user: person, chat, message_id, reaction: z.string() }),
  edit: event('edit', { editor: person, chat, message_id, new_content: z.string() }),
  delete: event('delete', { deleted_by: person, chat, message_id, delete_for_everyone: z.boolean() }),
  connection: z
    .looseObject({
      event: z.literal('connection'),
      status: z.string(),
      timestamp,
      profile: z.string().optional(),
      available_events: z.array(z.string()).optional(),
      ...place,
    })
    .describe('How the original chaos-socket greets; it has no id.'),
} as const;
