// The control frames of pmc.v1 that a source writes and reads. Pure. Whatever else a peer sends is none of the protocol's:
// it is kept for people to see and changes nothing.
import { z } from 'zod';
import { PROTOCOL_ERROR, PROTOCOL_LIMITS, PROTOCOL_VERSION } from '../../schemas/protocol/codes.ts';
import type { LogPosition, Saying } from './reply-inbox.ts';

const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const epoch = z.string().min(1).max(200);
const position = z.object({ log_epoch: z.string().max(300), pos: z.record(z.string(), seq) });

const received = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('welcome'),
    last: z.object({ epoch, seq }).nullish(),
    limits: z.object({ window: z.number().int().min(1).max(1_000_000).optional() }).optional(),
    /** A peer that has no replies need not say where they go on. */
    in: position.optional().catch(undefined),
  }),
  z.object({
    op: z.literal('ack'),
    epoch,
    upto: seq.optional(),
    /** [seq, topic, partition, offset] each, or an id in the place of the number. */
    at: z.array(z.array(z.unknown())).max(100_000).optional(),
    /** Those that had come before; some stand only here. */
    dup: z.array(z.unknown()).max(100_000).optional(),
  }),
  z.object({
    op: z.literal('nack'),
    seq: seq.optional(),
    epoch: epoch.optional(),
    code: z.number().int().min(0),
    retry_after_ms: z.number().min(0).max(600_000).optional(),
  }),
  z
    .object({ op: z.literal('resend'), epoch, from: seq.min(1), to: seq })
    .refine(({ from, to }) => to >= from && to - from < PROTOCOL_LIMITS.resend),
  position.extend({ op: z.literal('deliver'), event: z.object({ id: z.string().min(1).max(128).optional() }) }),
  z.object({ op: z.literal('ping'), t: z.unknown().optional() }),
  z.object({ op: z.literal('pong'), t: z.unknown().optional() }),
]);

export type ReceivedControl = z.output<typeof received>;

export function readControl(frame: unknown): ReceivedControl | undefined {
  const result = received.safeParse(frame);
  return result.success ? result.data : undefined;
}

/** The numbers that an acknowledgement lists one by one, each once. */
export function numbersOf({ at = [], dup = [] }: Pick<Extract<ReceivedControl, { op: 'ack' }>, 'at' | 'dup'>) {
  const named = [...at.map(([first]) => first), ...dup];
  return [
    ...new Set(named.filter((one): one is number => typeof one === 'number' && Number.isSafeInteger(one) && one > 0)),
  ];
}

/** Codes that pass by themselves. */
const TEMPORARY: ReadonlySet<number> = new Set(
  Object.values(PROTOCOL_ERROR).flatMap(({ code, isTemporary: passes }) => (passes ? [code] : [])),
);

export function isTemporary({ code, retry_after_ms }: { code: number; retry_after_ms?: number | undefined }): boolean {
  return TEMPORARY.has(code) || retry_after_ms !== undefined;
}

interface Position {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

/** `from` is where its replies go on. */
export function hello({ stream, epoch: current, seq: last }: Position, from?: LogPosition): string {
  return JSON.stringify({
    op: 'hello',
    v: PROTOCOL_VERSION,
    stream,
    epoch: current,
    resume: { out: { epoch: current, seq: last }, in: from },
  });
}

/** As one peer says it: the replies that it has handled, how many more may come, and a ping whose answer says that all this has arrived. */
export function handled({ ids, credit, batch }: Saying): readonly string[] {
  const frames = [
    ...(ids.length > 0 ? [{ op: 'ack', ids }] : []),
    ...(credit > 0 ? [{ op: 'credit', n: credit }] : []),
    ...(ids.length > 0 ? [{ op: 'ping', t: batch }] : []),
  ];
  return frames.map((frame) => JSON.stringify(frame));
}

export function unavailable(current: string, range: { readonly from: number; readonly to: number }): string {
  return JSON.stringify({ op: 'unavailable', epoch: current, from: range.from, to: range.to });
}

/** The event with its place in the stream; undefined for what is no JSON object and has no room for it. */
export function numbered(data: string | Buffer, { stream, epoch: current, seq: own }: Position): string | undefined {
  if (typeof data !== 'string' || !data.startsWith('{') || !data.endsWith('}')) return undefined;
  const comma = data.length === 2 ? '' : ',';
  const place = JSON.stringify({ stream, epoch: current, seq: own }).slice(1);
  return `${data.slice(0, -1)}${comma}${place}`;
}
