// Finds what was said in the asking chat, and in no other.
import { defineCommand } from '../definition.ts';
import type { Hit } from '../facts.ts';
import { isSearchable } from '../search.ts';
import { durationText } from '../wording.ts';

const SHOWN_LENGTH_MAX = 200;

export const search = defineCommand({
  name: 'search',
  description: {
    en: 'finds a text in the newest messages of this chat',
    pt: 'procura um texto nas mensagens mais novas desta conversa',
  },
  parameters: { text: { kind: 'text' } },
  needs: [],
  searchFor: ({ text }) => text,
  reply: ({ arguments: { text }, chat, hits, nowMs }) => {
    if (chat === null) return 'There is no chat to search in: your message came without one.';
    if (!isSearchable(chat))
      return 'This chat cannot be searched: its name is too long, or holds characters that are not kept.';
    if (hits === undefined) return 'The search took too long, or the database is away. Try again, with a rarer text.';
    if (hits.length === 0) return `Nothing with "${text}" is among the newest messages of this chat.`;
    return [`Newest messages with "${text}":`, ...hits.map((hit) => hitText(hit, nowMs))].join('\n');
  },
});

function hitText({ sender, receivedAtMs, content }: Hit, nowMs: number): string {
  const line = content.replaceAll(/\s+/gu, ' ').trim();
  const characters = Array.from(line);
  const shown = characters.length > SHOWN_LENGTH_MAX ? `${characters.slice(0, SHOWN_LENGTH_MAX).join('')}…` : line;
  return `${sender ?? 'somebody'}, ${durationText(nowMs - receivedAtMs)} ago: ${shown}`;
}
