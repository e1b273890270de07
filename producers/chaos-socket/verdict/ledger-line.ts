// The lines of a ledger: what the source did, each in the order in which it happened. Pure. Whoever compares a ledger with
// what arrived reads these and nothing else; the times are in a second file.
import { z } from 'zod';
import { PmcError } from '../../../service/errors.ts';

/** What must become of a frame. A frame whose line says nothing is expected to be stored. */
export const EXPECTATION = {
  stored: 'exactly one row with these bytes',
  duplicate: 'no row of its own: the same event was sent before',
  conflict: 'a row of its own, beside another body under the same identity',
  rejected: 'no row: it is kept as a rejected frame',
} as const;
export type Expectation = keyof typeof EXPECTATION;

const count = z.number().int().min(0);
const text = z.string();
const numbered = { stream: text.optional(), epoch: text.optional(), seq: count.optional() };
const frame = {
  event: text.optional(),
  id: text.optional(),
  chat: text.optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  ...numbered,
};

const schemas = {
  /** A frame was handed to a socket: the n-th of its connection. */
  sent: z.object({
    line: z.literal('sent'),
    run: text,
    seed: count,
    source: text,
    connectionId: text,
    n: count,
    ...frame,
    origin: z.enum(['hello', 'early', 'plan', 'api', 'recording']),
    firing: count.optional(),
    expect: z.enum(['duplicate', 'conflict', 'rejected']).optional(),
  }),
  /** The event happened at the source, but its frame was kept back; `recoverable` when it is sent to whoever asks again. */
  withheld: z.object({
    line: z.literal('withheld'),
    run: text,
    source: text,
    ...frame,
    firing: count.optional(),
    recoverable: z.boolean(),
  }),
  /** A fault struck; `expects` is the verdict it must lead to. */
  fault: z.object({
    line: z.literal('fault'),
    run: text,
    firing: count,
    fault: text,
    armed: text,
    source: text,
    event: count.optional(),
    expects: text,
  }),
  /** A connection ended, after n frames. */
  closed: z.object({ line: z.literal('closed'), run: text, connectionId: text, code: count, n: count }),
  /** The peer has said that it keeps these events: every number up to `upto`, and those listed. */
  acked: z.object({
    line: z.literal('acked'),
    run: text,
    stream: text,
    epoch: text,
    upto: count.optional(),
    at: z.array(count).optional(),
  }),
  /** The peer has refused this event for good. */
  refused: z.object({ line: z.literal('refused'), run: text, stream: text, epoch: text, seq: count, code: count }),
  /** A reply came to the source. */
  reply: z.object({ line: z.literal('reply'), run: text, source: text, connectionId: text, id: text }),
  /** The source has acknowledged these replies, by their ids; older ledgers have no `batch`, and nothing of what is judged by it. */
  handled: z.object({
    line: z.literal('handled'),
    run: text,
    source: text,
    connectionId: text,
    ids: z.array(text).min(1),
    batch: count.optional(),
  }),
  /** The pong behind this batch of acknowledgements was heard: the peer's word that the log has their evidence. */
  heard: z.object({ line: z.literal('heard'), run: text, source: text, connectionId: text, batch: count }),
  /** All that happened before this time is in the ledger; when it has ended, nothing follows. Older ledgers do not say it. */
  until: z.object({ line: z.literal('until'), run: text, at: z.iso.datetime(), ended: z.boolean() }),
} as const;

const ledgerLine = z.discriminatedUnion('line', [
  schemas.sent,
  schemas.withheld,
  schemas.fault,
  schemas.closed,
  schemas.acked,
  schemas.refused,
  schemas.reply,
  schemas.handled,
  schemas.heard,
  schemas.until,
]);

export type LedgerLine = Readonly<z.output<typeof ledgerLine>>;
export type SentLine = Extract<LedgerLine, { line: 'sent' }>;
export type WithheldLine = Extract<LedgerLine, { line: 'withheld' }>;

/** Throws PMC_CHAOS_LEDGER_UNREADABLE, which names the line. */
export function parseLedgerLine(json: string, lineNumber: number): LedgerLine {
  const unreadable = (reason: string, cause?: unknown) =>
    new PmcError(
      'PMC_CHAOS_LEDGER_UNREADABLE',
      `line ${lineNumber} of the ledger ${reason}`,
      { lineNumber },
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw unreadable('is not JSON', error);
  }
  const result = ledgerLine.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unreadable(`is none that the simulator writes: ${issue?.path.join('.') || 'line'} ${issue?.message ?? ''}`);
}
