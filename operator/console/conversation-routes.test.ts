import Fastify from 'fastify';
import pg from 'pg';
import { expect, test } from 'vitest';
import { addConversationRoutes } from './conversation-routes.ts';
import type { Conversations } from './conversations.ts';

test.for([
  ['28P01', 503, 'PMC_DATABASE_AUTHENTICATION'],
  ['57P03', 503, 'PMC_DATABASE_UNREACHABLE'],
  ['22007', 400, 'PMC_USAGE'],
] as const)('a page that the database refuses with %s is answered with %i %s', async ([sqlState, status, code]) => {
  const error = Object.assign(new pg.DatabaseError('no', 0, 'error'), { code: sqlState });
  const server = Fastify();
  const conversations = { newest: () => Promise.reject(error) };
  addConversationRoutes(server, conversations as unknown as Conversations);
  const answer = await server.inject('/api/conversations');
  expect([answer.statusCode, answer.json()]).toEqual([status, { error: { code, message: 'no' } }]);
});
