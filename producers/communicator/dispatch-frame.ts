// A dispatch as the event that its receiver sees: the shape of a chat message, marked as ours so that it is never a command. Pure.
import type { Dispatch } from '../../schemas/generated.ts';

export interface DispatchEvent extends Record<string, unknown> {
  readonly event: 'message';
  readonly id: string;
  readonly chat: string | null;
}

export function dispatchEvent(dispatch: Dispatch): DispatchEvent {
  const createdAt = new Date(dispatch.createdAt);
  return {
    event: 'message',
    id: dispatch.replyId,
    // A time beyond what a date can hold must not hold up every reply behind it.
    timestamp: Number.isNaN(createdAt.getTime()) ? null : createdAt.toISOString(),
    sender: 'pmc',
    chat: dispatch.chat,
    message_type: 'text',
    content: dispatch.content,
    metadata: { pmc: true, command: dispatch.command, in_reply_to: dispatch.inReplyTo },
  };
}
