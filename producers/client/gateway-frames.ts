// What a client reads of the gateway's frames; pure. Strict in what it goes by, blind to everything else: fields and frames that it
// does not know are those of a newer gateway. Written by hand, since a page should not have to load a library for it.
import type { Coordinates, Position } from '../../schemas/protocol/frames.ts';
import type { Delivered } from './inbox.ts';
import type { KeptPosition } from './kept.ts';
import type { Acknowledged, Place } from './outcome.ts';

export interface Welcome {
  readonly op: 'welcome';
  readonly session: string;
  readonly last: Place | undefined;
  readonly in: { readonly isRecovered: boolean; readonly reason: string | undefined; readonly position: KeptPosition };
  readonly limits: {
    readonly frame: number | undefined;
    readonly content: number | undefined;
    /** Events a second; undefined for none. */
    readonly rate: number | undefined;
    readonly burst: number | undefined;
    readonly window: number | undefined;
    readonly credit: number | undefined;
  };
  readonly pingMs: number | undefined;
}

export interface Nack {
  readonly op: 'nack';
  readonly key: number | string | undefined;
  readonly epoch: string | undefined;
  readonly code: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

export type GatewayFrame =
  | Welcome
  | ({ readonly op: 'ack' } & Acknowledged)
  | Nack
  | { readonly op: 'resend'; readonly epoch: string; readonly from: number; readonly to: number }
  | ({ readonly op: 'deliver' } & Delivered)
  | {
      readonly op: 'error';
      readonly code: number;
      readonly isTemporary: boolean;
      readonly reason: string;
      readonly retryAfterMs: number | undefined;
      /** The number or the id of an event, or what else it is about. */
      readonly ref: string | undefined;
    }
  | { readonly op: 'drain'; readonly reconnectMs: number }
  | { readonly op: 'ping'; readonly t: number | string | null | undefined }
  | { readonly op: 'pong'; readonly t: unknown };

type Fields = Readonly<Record<string, unknown>>;
/** How to read each frame; undefined for one that is not as it must be. */
type Readers = {
  readonly [Op in GatewayFrame['op']]: (fields: Fields) => Extract<GatewayFrame, { op: Op }> | undefined;
};

const READERS: Readers = {
  welcome: (fields) => {
    const { last, in: down } = fields;
    const position = positionOf(down);
    const place = placeOf(last);
    if (position === undefined || (place === undefined && last !== null && last !== undefined)) return undefined;
    const limits = isObject(fields['limits']) ? fields['limits'] : {};
    return {
      op: 'welcome',
      session: textOf(fields['session']) ?? '',
      last: place,
      in: {
        isRecovered: isObject(down) && down['recovered'] !== false,
        reason: isObject(down) ? textOf(down['reason']) : undefined,
        position,
      },
      limits: {
        frame: countOf(limits['frame']),
        content: countOf(limits['content']),
        rate: countOf(limits['rate']),
        burst: countOf(limits['burst']),
        window: countOf(limits['window']),
        credit: countOf(limits['credit']),
      },
      pingMs: countOf(fields['ping_ms']),
    };
  },
  ack: ({ epoch, upto, at = [], dup = [] }) => {
    const seq = countOf(upto);
    if (typeof epoch !== 'string' || seq === undefined || !Array.isArray(at) || !Array.isArray(dup)) return undefined;
    if (!at.every(isCoordinates) || !dup.every(isKey)) return undefined;
    return { op: 'ack', epoch, upto: seq, at, dup };
  },
  nack: ({ seq, id, epoch, code, reason, retry_after_ms }) => {
    const number = countOf(code);
    if (number === undefined) return undefined;
    return {
      op: 'nack',
      key: countOf(seq) ?? textOf(id),
      epoch: textOf(epoch),
      code: number,
      reason: textOf(reason) ?? '',
      retryAfterMs: durationOf(retry_after_ms),
    };
  },
  resend: ({ epoch, from, to }) => {
    const [lower, upper] = [countOf(from), countOf(to)];
    if (typeof epoch !== 'string' || lower === undefined || upper === undefined || lower < 1 || upper < lower)
      return undefined;
    return { op: 'resend', epoch, from: lower, to: upper };
  },
  deliver: ({ log_epoch: logEpoch, pos, event }) => {
    if (typeof logEpoch !== 'string' || !isPosition(pos) || !isObject(event)) return undefined;
    return { op: 'deliver', logEpoch, pos, event };
  },
  error: ({ code, temporary, reason, retry_after_ms, ref }) => {
    const number = countOf(code);
    if (number === undefined) return undefined;
    const isTemporary = temporary === true;
    return {
      op: 'error',
      code: number,
      isTemporary,
      reason: textOf(reason) ?? '',
      retryAfterMs: durationOf(retry_after_ms),
      ref: textOf(ref),
    };
  },
  drain: ({ reconnect_ms }) => ({ op: 'drain', reconnectMs: durationOf(reconnect_ms) ?? 0 }),
  ping: ({ t }) => ({ op: 'ping', t: typeof t === 'number' || t === null ? t : textOf(t) }),
  pong: ({ t }) => ({ op: 'pong', t }),
};

export type ReadGatewayFrame =
  | { readonly ok: true; readonly frame: GatewayFrame }
  | { readonly ok: false; readonly reason: string };

export function readGatewayFrame(data: unknown): ReadGatewayFrame {
  if (typeof data !== 'string') return { ok: false, reason: 'a binary frame' };
  let fields: unknown;
  try {
    fields = JSON.parse(data);
  } catch {
    return { ok: false, reason: 'a frame that is not JSON' };
  }
  const op = isObject(fields) ? fields['op'] : undefined;
  if (!isObject(fields) || !isKnown(op)) return { ok: false, reason: 'a frame of another kind' };
  const frame = READERS[op](fields);
  return frame === undefined ? { ok: false, reason: `a frame "${op}" that is not as it must be` } : { ok: true, frame };
}

function isKnown(op: unknown): op is GatewayFrame['op'] {
  return typeof op === 'string' && Object.hasOwn(READERS, op);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number that can be counted to; undefined for anything else. */
function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Nobody is made to wait for longer than ten minutes by a frame. */
function durationOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? Math.min(value, 600_000) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isKey(value: unknown): value is number | string {
  return typeof value === 'string' || countOf(value) !== undefined;
}

function isCoordinates(value: unknown): value is Coordinates {
  if (!Array.isArray(value)) return false;
  const [key, topic, partition, offset] = value as readonly unknown[];
  return isKey(key) && typeof topic === 'string' && countOf(partition) !== undefined && countOf(offset) !== undefined;
}

function isPosition(value: unknown): value is Position {
  return isObject(value) && Object.values(value).every((offset) => countOf(offset) !== undefined);
}

function positionOf(down: unknown): KeptPosition | undefined {
  if (!isObject(down)) return undefined;
  const { log_epoch, pos } = down;
  return typeof log_epoch === 'string' && isPosition(pos) ? { log_epoch, pos } : undefined;
}

function placeOf(value: unknown): Place | undefined {
  if (!isObject(value)) return undefined;
  const seq = countOf(value['seq']);
  return typeof value['epoch'] === 'string' && seq !== undefined ? { epoch: value['epoch'], seq } : undefined;
}
