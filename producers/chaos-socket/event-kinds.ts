// The closed sets of the chat events that the simulator knows, in the order in which its hello announces them.
export const EVENT_KINDS = [
  'message',
  'typing',
  'read',
  'delivered',
  'presence',
  'reaction',
  'edit',
  'delete',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** `document` is the older name of `file`; profiles may still use it and it is sent as written. */
export const MESSAGE_TYPES = ['text', 'image', 'audio', 'video', 'file', 'document', 'sticker'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

export const TYPING_STATES = ['composing', 'paused', 'stopped'] as const;
export type TypingState = (typeof TYPING_STATES)[number];

export const PRESENCE_STATES = ['online', 'offline', 'away'] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

export const REACTIONS = ['👍', '❤️', '😂', '😮', '😢', '🙏', '🔥', '🎉', '👏', '💯'] as const;
