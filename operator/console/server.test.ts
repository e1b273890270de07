import { expect, test } from 'vitest';
import { NAME_CHARS_MAX } from '../../schemas/column-text.ts';
import type { Conversations } from './conversations.ts';
import { type ConsoleServerOptions, consoleServer } from './server.ts';

const TOKEN = 'a token that is long enough';
const headers = { authorization: `Bearer ${TOKEN}` };

function serverWith(conversations: Pick<Conversations, 'page'>) {
  return consoleServer({ token: TOKEN, conversations } as unknown as ConsoleServerOptions);
}

test.each(['n', '語', '👏'])(
  'a chat with the longest name of %s that is stored is asked for by it',
  async (character) => {
    const name = character.repeat(NAME_CHARS_MAX / character.length);
    const asked: string[] = [];
    const page = (chat: string) => {
      asked.push(chat);
      return Promise.resolve({ schemaVersion: 1, chat, messages: [], next: null } as const);
    };
    const answer = await serverWith({ page }).inject({
      url: `/api/conversations/${encodeURIComponent(name)}`,
      headers,
    });
    expect(answer.statusCode).toBe(200);
    expect(asked).toEqual([name]);
  },
);

test.each([NAME_CHARS_MAX + 1, 16_000])('a name of %i characters is a chat that is not known', async (length) => {
  const server = serverWith({ page: () => Promise.resolve(undefined) });
  const answer = await server.inject({ url: `/api/conversations/${'n'.repeat(length)}`, headers });
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ error: { code: 'PMC_CONVERSATION_UNKNOWN' } });
});
