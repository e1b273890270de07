// The control frames of pmc.v1 that a source writes and reads. Pure. Whatever else a peer sends is none of the protocol's:
// it is kept for people to see and changes nothing.
import { z } from 'zod';

export const SUBPROTOCOL = 'pmc.v1';

const VERSION = 1;
/** What a peer may ask for again at once. */
const RESEND_MAX = 1_000;
const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const epoch = z.string().min(1).max(200);

const received = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('welcome'),
    last: z.object({ epoch, seq }).nullish(),
    limits: z.object({ window: z.number().int().min(1).max(1_000_000).optional() }).optional(),
  }),
  z.object({
    op: z.literal('ack'),
    epoch,
    upto: seq.optional(),
    /** [seq, topic, partition, offset] each, or an id in the place of the number. */
    at: z.array(z.array(z.unknown())).max(100_000).optional(),
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
    .refine(({ from, to }) => to >= from && to - from < RESEND_MAX),
  z.object({ op: z.literal('ping'), t: z.unknown().optional() }),
]);

export type ReceivedControl = z.output<typeof received>;

export function readControl(frame: unknown): ReceivedControl | undefined {
  const result = received.safeParse(frame);
  return result.success ? result.data : undefined;
}

/** The numbers that an acknowledgement lists one by one. */
export function numbersAt(at: readonly (readonly unknown[])[] = []): readonly number[] {
  return at.flatMap(([first]) => (typeof first === 'number' && Number.isSafeInteger(first) ? [first] : []));
}

/** Codes that pass by themselves: internal, rate limited, window exceeded, log unavailable. */
const TEMPORARY: ReadonlySet<number> = new Set([100, 109, 110, 111]);

export function isTemporary({ code, retry_after_ms }: { code: number; retry_after_ms?: number | undefined }): boolean {
  return TEMPORARY.has(code) || retry_after_ms !== undefined;
}

interface Position {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

export function hello({ stream, epoch: current, seq: last }: Position): string {
  return JSON.stringify({
    op: 'hello',
    v: VERSION,
    stream,
    epoch: current,
    resume: { out: { epoch: current, seq: last } },
  });
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
