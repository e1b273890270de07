// The addresses of conversations. Behind the console's token, as all of it.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { failureOf, refusalOf } from '../../service/database.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Conversations, PageRequest } from './conversations.ts';

type Query = Readonly<Record<string, string | string[] | undefined>>;

export function addConversationRoutes(server: FastifyInstance, conversations: Conversations): void {
  server.get<{ Querystring: Query }>(
    '/api/conversations',
    async ({ query }, reply) => await answered(reply, () => conversations.newest(one(query, 'limit'))),
  );
  server.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/conversations/:id',
    async ({ params, query }, reply) => {
      return await answered(reply, async () => {
        const request: PageRequest = {
          source: one(query, 'source'),
          limit: one(query, 'limit'),
          before: one(query, 'before'),
        };
        const page = await conversations.page(params.id, request);
        if (page === undefined)
          throw new PmcError('PMC_CONVERSATION_UNKNOWN', `nothing of a chat ${JSON.stringify(params.id)} is stored`);
        return page;
      });
    },
  );
}

const STATUS = { PMC_USAGE: 400, PMC_CONVERSATION_UNKNOWN: 404 } as const;

async function answered(reply: FastifyReply, answer: () => Promise<object>): Promise<FastifyReply> {
  try {
    return await reply.send(await answer());
  } catch (error) {
    if (error instanceof PmcError && (error.code === 'PMC_USAGE' || error.code === 'PMC_CONVERSATION_UNKNOWN'))
      return await refused(reply, STATUS[error.code], error);
    // What the database cannot take as a value was asked for, e.g. a year that it does not know.
    if (failureOf(error) === 'data')
      return await refused(reply, STATUS.PMC_USAGE, new PmcError('PMC_USAGE', describeError(error)));
    const code = refusalOf(error) ?? 'PMC_DATABASE_UNREACHABLE';
    return await refused(reply, 503, new PmcError(code, describeError(error)));
  }
}

async function refused(reply: FastifyReply, status: number, { code, message }: PmcError): Promise<FastifyReply> {
  return await reply.code(status).send({ error: { code, message } });
}

function one(query: Query, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) throw new PmcError('PMC_USAGE', `\`${name}\` is given more than once`);
  return value === '' ? undefined : value;
}
