// The control frames of pmc.v1 as zod reads them; JSON Schemas for everybody else are generated from these. An event frame has
// `event` and is kept as it is; a control frame has `op` and never `event`. Pure.
import { z } from 'zod';
import { PROTOCOL_LIMITS, PROTOCOL_VERSION } from './codes.ts';

const seq = z.number().int().min(0).max(PROTOCOL_LIMITS.seq);
const name = z.string().min(1).max(128);
const epoch = z.string().min(1).max(128);
const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Next offset by `topic/partition`. */
const position = z
  .record(z.string().min(1).max(300), offset)
  .refine((all) => Object.keys(all).length <= 1_000, { error: 'at most 1,000 partitions' })
  // What a refinement says is not in a JSON Schema by itself.
  .meta({ maxProperties: 1_000 });
const range = { epoch, from: seq.min(1), to: seq.min(1) };
/** [seq or id, topic, partition, offset] of an event that is on the log. */
const coordinates = z.tuple([z.union([seq, name]), z.string(), z.number().int(), offset]);

const place = z.object({ epoch, seq });
/** Small, because a pong may wait for the log, with many others. */
const t = z
  .union([z.number(), z.string().max(128), z.null()], { error: 'a number, or a text of at most 128 characters' })
  .optional()
  .describe('Comes back in the pong.');

/** What a peer sends. */
export const PEER_FRAMES = {
  hello: z.object({
    op: z.literal('hello'),
    v: z.number().int().describe(`The version of the protocol; ${PROTOCOL_VERSION} is spoken.`),
    stream: name.describe('The name of the sequence of events that this peer counts.'),
    epoch: epoch.describe('The life of its counter, a ULID; another one when the counter was lost.'),
    token: z.string().max(4_096).optional(),
    resume: z
      .object({
        out: place
          .extend({
            acked: seq
              .optional()
              .describe('Everything up to here was acknowledged to the peer, which keeps none of it any more.'),
          })
          .optional()
          .describe('The last number that the peer gave out.'),
        in: z
          .object({ log_epoch: z.string().max(300), pos: position })
          .optional()
          .describe('The position that the peer has kept; dispatches go on from there.'),
      })
      .optional(),
  }),
  unavailable: z
    .object({ op: z.literal('unavailable'), ...range })
    .describe('These cannot be sent again: they are lost.'),
  ack: z
    .object({ op: z.literal('ack'), ids: z.array(name).min(1).max(1_000) })
    .describe(
      'The peer has handled these dispatches; by their reply ids, which are UUIDs: others are answered with error 105.',
    ),
  credit: z
    .object({ op: z.literal('credit'), n: z.number().int().min(1).max(1_000_000) })
    .describe('As many more dispatches may be sent.'),
  ping: z.object({ op: z.literal('ping'), t }),
  pong: z.object({ op: z.literal('pong'), t }),
} as const;

/** What the gateway sends. */
export const GATEWAY_FRAMES = {
  welcome: z.object({
    op: z.literal('welcome'),
    session: z.string(),
    server_time: z.string(),
    gateway_epoch: z.string(),
    last: place
      .nullable()
      .describe('Everything up to here is settled; send what follows. May be too low, never too high.'),
    in: z.object({
      recovered: z.boolean(),
      reason: z.string().optional(),
      log_epoch: z.string(),
      pos: position.describe('Where dispatches go on. Persist it, also when none ever comes.'),
    }),
    limits: z.object({
      frame: z.number().int(),
      content: z.number().int(),
      rate: z.number().nullable().describe('Events a second; null for none.'),
      burst: z.number().nullable(),
      window: z.number().int(),
      credit: z.number().int(),
    }),
    ping_ms: z.number().int(),
    pong_ms: z.number().int(),
  }),
  ack: z.object({
    op: z.literal('ack'),
    epoch,
    upto: seq.describe('Every number up to this one is settled.'),
    at: z.array(coordinates),
    dup: z
      .array(z.union([seq, name]))
      .optional()
      .describe('Which of those in `at` had come before; their coordinates are those of the first time.'),
    ts: z.number().int(),
  }),
  nack: z.object({
    op: z.literal('nack'),
    epoch: epoch.optional(),
    seq: seq.optional(),
    id: z.string().optional(),
    code: z.number().int(),
    reason: z.string(),
    retry_after_ms: z.number().int().optional().describe('Only where it is temporary.'),
  }),
  resend: z.object({ op: z.literal('resend'), ...range }).describe(`At most ${PROTOCOL_LIMITS.resend} at once.`),
  deliver: z.object({
    op: z.literal('deliver'),
    log_epoch: z.string(),
    pos: position.describe(
      'Of the partitions that moved; the others stay. Persist it before or with the handling of the event.',
    ),
    event: z.record(z.string(), z.unknown()),
  }),
  error: z.object({
    op: z.literal('error'),
    code: z.number().int(),
    temporary: z.boolean(),
    reason: z.string(),
    retry_after_ms: z.number().int().optional(),
    ref: z.string().optional(),
  }),
  drain: z.object({ op: z.literal('drain'), reconnect_ms: z.number().int() }),
  ping: PEER_FRAMES.ping,
  pong: PEER_FRAMES.pong,
} as const;

const peerFrame = z.discriminatedUnion('op', [
  PEER_FRAMES.hello,
  PEER_FRAMES.unavailable,
  PEER_FRAMES.ack,
  PEER_FRAMES.credit,
  PEER_FRAMES.ping,
  PEER_FRAMES.pong,
]);
const gatewayFrame = z.discriminatedUnion('op', [
  GATEWAY_FRAMES.welcome,
  GATEWAY_FRAMES.ack,
  GATEWAY_FRAMES.nack,
  GATEWAY_FRAMES.resend,
  GATEWAY_FRAMES.deliver,
  GATEWAY_FRAMES.error,
  GATEWAY_FRAMES.drain,
  GATEWAY_FRAMES.ping,
  GATEWAY_FRAMES.pong,
]);

export type PeerFrame = z.output<typeof peerFrame>;
export type Hello = z.output<typeof PEER_FRAMES.hello>;
export type GatewayFrame = z.output<typeof gatewayFrame>;
export type Welcome = z.output<typeof GATEWAY_FRAMES.welcome>;
export type Coordinates = z.output<typeof coordinates>;
export type Position = z.output<typeof position>;

export type ReadFrame<T> =
  | { readonly ok: true; readonly frame: T }
  /** What is wrong, and where. */
  | { readonly ok: false; readonly reason: string };

export const readPeerFrame = (value: unknown): ReadFrame<PeerFrame> => read(peerFrame, value);
export const readGatewayFrame = (value: unknown): ReadFrame<GatewayFrame> => read(gatewayFrame, value);

function read<T>(schema: z.ZodType<T>, value: unknown): ReadFrame<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, frame: result.data };
  const [first] = result.error.issues;
  const where = first === undefined || first.path.length === 0 ? '' : `${first.path.join('.')}: `;
  return { ok: false, reason: `${where}${first?.message ?? 'not a control frame'}` };
}
