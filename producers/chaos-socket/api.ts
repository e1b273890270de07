// The HTTP API: the original's routes with its answers, and ours for looking at what came back and sending exact bytes; the
// routes that steer, the verdict and the page are files beside this one. Every bad request gets {error: {code, message}}
// and changes nothing.
import { isUtf8 } from 'node:buffer';
import Fastify, { type FastifyInstance } from 'fastify';
import type { PmcErrorCode } from '../../service/error-codes.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { addSteering, type SteeringDependencies } from './api-faults.ts';
import { addPage, guard } from './api-page.ts';
import { readRequest, requests } from './api-requests.ts';
import { addVerdict } from './api-verdict.ts';
import type { Connections, Outgoing } from './connections.ts';
import { AT_ONCE, type Draft } from './delivery.ts';
import { EVENT_KINDS } from './event-kinds.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Ledger } from './ledger.ts';
import type { Link } from './link.ts';
import { memberText } from './member-text.ts';
import { loadProfile, profileNames } from './profile-files.ts';
import { describeFrame, type ReceivedFrames } from './received-frames.ts';

/** Room for a frame above every limit of the other side, in base64. */
const BODY_BYTES_MAX = 8 * 1_024 * 1_024;
/** A request that takes longer to arrive than this is given up: nobody may keep a comparison to himself. */
const REQUEST_WITHIN_MS = 300_000;

const STATUS: Partial<Record<PmcErrorCode, number>> = {
  PMC_CHAOS_REQUEST_INVALID: 400,
  PMC_CHAOS_FAULT_INVALID: 400,
  PMC_CHAOS_EXPORT_UNREADABLE: 400,
  PMC_CHAOS_BUSY: 409,
  PMC_UNAUTHORISED: 401,
  PMC_CHAOS_PROFILE_UNKNOWN: 404,
};

export interface ApiDependencies extends SteeringDependencies {
  readonly token: string | undefined;
  readonly connections: Connections;
  /** The way out to a connection. */
  readonly linkOf: (connectionId: string) => Link | undefined;
  readonly received: ReceivedFrames;
  readonly writer: FrameWriter;
  readonly ledger: Ledger;
  readonly status: () => object;
  readonly logger: Logger;
}

export function chaosApi(deps: ApiDependencies): FastifyInstance {
  const { scene, connections, linkOf, received, writer, ledger, nowMs } = deps;
  const api = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_WITHIN_MS,
    forceCloseConnections: true,
  });
  // The text is kept: an event is sent as its author wrote it, not as JSON.stringify would.
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  answerErrors(api, deps.logger);
  guard(api, deps.token);
  addPage(api);
  addSteering(api, deps);
  addVerdict(api, ledger, nowMs);

  const send = (frame: Draft, connectionId: string | undefined) => {
    const about = { origin: 'api', expect: expectationOf(frame), dueAtMs: nowMs() } as const;
    const chosen = connections.select(connectionId);
    let sent = 0;
    for (const { id, framesSent } of chosen) {
      const link = linkOf(id);
      link?.put({ ...frame, ...about }, AT_ONCE);
      if ((link?.connection.framesSent ?? 0) > framesSent) sent++;
    }
    return { success: true, sent, activeConnections: connections.list.length };
  };

  api.get('/api/status', () => deps.status());
  api.get('/api/events', () => ({ available: EVENT_KINDS, current_distribution: scene.profile.events }));
  api.get('/api/profiles', () => ({ current: scene.profile.id, available: profileNames() }));
  api.get<{ Params: { name: string } }>('/api/profile/:name', ({ params }) => {
    const { id: _id, ...content } = loadProfile(params.name);
    return content;
  });

  api.post('/api/send-event', ({ body }) => {
    const { json, value } = readRequest(requests.sendEvent, body);
    const text = memberText(json, 'event') ?? JSON.stringify(value.event);
    return send({ data: text, binary: false, ...describeFrame(value.event) }, value.connectionId);
  });
  api.post('/api/send-message', ({ body }) => {
    const { json, value } = readRequest(requests.sendMessage, body);
    if ('message' in value) {
      const text = memberText(json, 'message') ?? JSON.stringify(value.message);
      return send({ data: text, binary: false, ...describeFrame(value.message) }, value.connectionId);
    }
    const { text, ...about } = writer.chosen(value, nowMs());
    return { ...send({ data: text, binary: false, ...about }, value.connectionId), id: about.id, chat: about.chat };
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
  return api;
}

/** Whoever writes a frame by hand may write one that is none, and then no row is to be expected. */
function expectationOf({ data, binary }: Draft): Outgoing['expect'] {
  const bytes = Buffer.from(data);
  if (binary || !isUtf8(bytes)) return 'rejected';
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? 'stored' : 'rejected';
  } catch {
    return 'rejected';
  }
}

function answerErrors(api: FastifyInstance, logger: Logger): void {
  api.setNotFoundHandler(async (request, reply) => {
    const message = `there is no ${request.method} ${request.url}`;
    await reply.code(404).send({ error: { code: 'PMC_CHAOS_REQUEST_INVALID', message } });
  });
  api.setErrorHandler(async (error, _request, reply) => {
    if (error instanceof PmcError) {
      await reply.code(STATUS[error.code] ?? 500).send({ error: { code: error.code, message: error.message } });
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
