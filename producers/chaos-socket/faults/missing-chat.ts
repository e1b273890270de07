// An event that belongs to no chat.
import { defineFault, frames, noOptions } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const missingChat = defineFault({
  name: 'missing_chat',
  does: 'A frame goes out without its `chat`.',
  expects: 'stored, with its actor as the key',
  options: noOptions,
  strike: (_, { delivery }) => frames(rewritten(delivery, ({ chat: _chat, ...members }) => members)),
});
