// The HTTP API: the original's routes with its answers, and ours for looking at what came back, sending exact bytes and
// reading the ledger. It changes nothing but what goes out; every bad request gets {error: {code, message}} and sends nothing.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { readRequest, requests } from './api-requests.ts';
import type { Connections, Outgoing } from './connections.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Ledger } from './ledger.ts';
import { memberText } from './member-text.ts';
import type { Profile } from './profile.ts';
import { loadProfile, profileNames } from './profile-files.ts';
import { describeFrame, type ReceivedFrames } from './received-frames.ts';

/** Room for a frame above every limit of the other side, in base64. */
const BODY_BYTES_MAX = 8 * 1_024 * 1_024;

export interface ApiDependencies {
  readonly profile: Profile;
  readonly connections: Connections;
  readonly received: ReceivedFrames;
  readonly writer: FrameWriter;
  readonly ledger: Ledger;
  readonly status: () => object;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

export function chaosApi(deps: ApiDependencies): FastifyInstance {
  const { profile, connections, received, writer, ledger, nowMs } = deps;
  const api = Fastify({ logger: false, bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true });
  // The text is kept: an event is sent as its author wrote it, not as JSON.stringify would.
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  answerErrors(api, deps.logger);

  const send = (frame: Omit<Outgoing, 'origin' | 'dueAtMs'>, connectionId: string | undefined) => {
    const dueAtMs = nowMs();
    const chosen = connections.select(connectionId);
    const sent = chosen.filter((one) => connections.send(one, { ...frame, origin: 'api', dueAtMs })).length;
    return { success: true, sent, activeConnections: connections.list.length };
  };

  api.get('/api/status', () => deps.status());
  api.get('/api/events', () => ({ available: EVENT_KINDS, current_distribution: profile.events }));
  api.get('/api/profiles', () => ({ current: profile.id, available: profileNames() }));
  api.get<{ Params: { name: string } }>('/api/profile/:name', ({ params }) => {
    const { id: _id, ...content } = loadProfile(params.name);
    return content;
  });

  api.post('/api/send-event', ({ body }) => {
    const { json, value } = readRequest(requests.sendEvent, body);
    const text = memberText(json, 'event') ?? JSON.stringify(value.event);
    return send({ data: text, ...describeFrame(value.event) }, value.connectionId);
  });
  api.post('/api/send-message', ({ body }) => {
    const { json, value } = readRequest(requests.sendMessage, body);
    if ('message' in value) {
      const text = memberText(json, 'message') ?? JSON.stringify(value.message);
      return send({ data: text, ...describeFrame(value.message) }, value.connectionId);
    }
    const { text, ...about } = writer.chosen(value, nowMs());
    return { ...send({ data: text, ...about }, value.connectionId), id: about.id, chat: about.chat };
  });
  api.post('/api/send-raw', ({ body }) => {
    const { value } = readRequest(requests.sendRaw, body);
    const data = 'text' in value ? Buffer.from(value.text, 'utf8') : Buffer.from(value.base64, 'base64');
    const unknown = { event: undefined, id: undefined, chat: undefined };
    return { ...send({ data, binary: value.binary, ...unknown }, value.connectionId), sizeBytes: data.byteLength };
  });

  api.get('/api/received', ({ query }) => {
    const { limit, chat } = readRequest(requests.received, JSON.stringify(query)).value;
    return { kept: received.size, dropped: received.dropped, frames: received.newest(limit, chat) };
  });
  api.get('/api/ledger', async (_request, reply) => {
    const parts = await ledger.parts();
    return await reply.type('application/x-ndjson').send(Readable.from(contentOf(parts)));
  });
  return api;
}

async function* contentOf(parts: readonly { path: string; bytes: number }[]): AsyncGenerator<Buffer> {
  for (const { path, bytes } of parts) {
    if (bytes > 0) yield* createReadStream(path, { end: bytes - 1 });
  }
}

function answerErrors(api: FastifyInstance, logger: Logger): void {
  api.setNotFoundHandler(async (request, reply) => {
    const message = `there is no ${request.method} ${request.url}`;
    await reply.code(404).send({ error: { code: 'PMC_CHAOS_REQUEST_INVALID', message } });
  });
  api.setErrorHandler(async (error, _request, reply) => {
    if (error instanceof PmcError) {
      const status =
        error.code === 'PMC_CHAOS_PROFILE_UNKNOWN' ? 404 : error.code === 'PMC_CHAOS_REQUEST_INVALID' ? 400 : 500;
      await reply.code(status).send({ error: { code: error.code, message: error.message } });
      return;
    }
    const given = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (given >= 400 && given < 500) {
      await reply.code(given).send({ error: { code: 'PMC_CHAOS_REQUEST_INVALID', message: describeError(error) } });
      return;
    }
    logger.error({ error: describeError(error) }, 'chaos.api.failed');
    await reply.code(500).send({ error: { message: 'the request failed; the log of the simulator has the reason' } });
  });
}
