// The numbers of pmc.v1: what an error or a nack means, and what a close code advises. One table each, which the documents are
// generated from. Pure.

export const SUBPROTOCOL = 'pmc.v1';
export const PROTOCOL_VERSION = 1;

interface ErrorMeaning {
  readonly code: number;
  /** Passes by itself: the same frame may be sent again later. */
  readonly isTemporary: boolean;
  /** Only a warning: nothing has to be done. */
  readonly isWarning?: true;
  readonly meaning: string;
}

export const PROTOCOL_ERROR = {
  internal: { code: 100, isTemporary: true, meaning: 'something failed here; send it again' },
  unauthorized: { code: 101, isTemporary: false, meaning: 'the token is missing, unknown or revoked' },
  tokenExpired: { code: 102, isTemporary: false, meaning: 'the token has expired; ask for a new one' },
  forbidden: { code: 103, isTemporary: false, meaning: 'the token does not permit this' },
  malformed: { code: 104, isTemporary: false, meaning: 'not JSON, not UTF-8, or binary' },
  invalid: { code: 105, isTemporary: false, meaning: 'JSON, but not an object of the shape that is expected' },
  protocolOrder: { code: 106, isTemporary: false, meaning: 'not at this moment, e.g. an event before hello' },
  frameTooLarge: { code: 107, isTemporary: false, meaning: 'the frame is larger than `limits.frame`' },
  contentTooLarge: { code: 108, isTemporary: false, meaning: 'the content or the metadata is larger than its limit' },
  rateLimited: {
    code: 109,
    isTemporary: true,
    meaning: 'too many events; send it again after `retry_after_ms`, where there is one',
  },
  tooManyGaps: {
    code: 110,
    isTemporary: true,
    meaning: 'more gaps are open in the stream than are kept; come back and send again',
  },
  logUnavailable: { code: 111, isTemporary: true, meaning: 'the log does not answer; nothing is lost, acks are late' },
  idConflict: {
    code: 112,
    isTemporary: false,
    isWarning: true,
    meaning: 'an event of this identity with another body; the first one is what the number means',
  },
  regressed: { code: 113, isTemporary: false, meaning: 'an epoch that was never announced' },
  unsupportedVersion: { code: 115, isTemporary: false, meaning: 'another version of the protocol is spoken here' },
  unknownEvent: {
    code: 116,
    isTemporary: false,
    isWarning: true,
    meaning: 'an event of a kind that is not known; it is on the log all the same',
  },
} as const satisfies Readonly<Record<string, ErrorMeaning>>;

export type ProtocolErrorName = keyof typeof PROTOCOL_ERROR;

interface CloseMeaning {
  readonly code: number;
  readonly reason: string;
}

/** 4000-4499: come back, with growing and jittered pauses of 0.5 to 30 s. 4500-4999: coming back does not help. */
export const CLOSE = {
  shutdown: { code: 4001, reason: 'the gateway shuts down' },
  internal: { code: 4002, reason: 'something failed here' },
  logUnavailable: { code: 4003, reason: 'the log does not answer' },
  noPong: { code: 4004, reason: 'no answer to a ping' },
  slowReader: { code: 4005, reason: 'what was sent is not read' },
  rateAbuse: { code: 4006, reason: 'over the rate for a minute, or too many gaps by it' },
  replaced: { code: 4007, reason: 'a newer connection of the same stream' },
  positionMismatch: { code: 4008, reason: 'too many gaps in the stream' },
  full: { code: 4009, reason: 'as many connections as there may be; there is room again soon' },
  unauthorized: { code: 4501, reason: 'the token is missing, unknown, revoked or expired' },
  forbidden: { code: 4502, reason: 'the token or the origin does not permit this' },
  protocol: { code: 4503, reason: 'not the protocol' },
  version: { code: 4504, reason: 'no common protocol version' },
  helloTimeout: { code: 4505, reason: 'no hello in time' },
  connectionLimit: { code: 4506, reason: 'too many connections of one subject' },
} as const satisfies Readonly<Record<string, CloseMeaning>>;

export type CloseName = keyof typeof CLOSE;

export const PROTOCOL_LIMITS = {
  /** The highest number of an event: what a JSON number and an Avro long of the library both hold. */
  seq: Number.MAX_SAFE_INTEGER - 1,
  /** Bytes of a frame; above it the frame is refused and the link kept. */
  frameBytes: 65_536,
  /** Bytes of a frame; above it the link is closed with 1009, for the library must not buffer more. */
  frameBytesHard: 1_048_576,
  /** UTF-8 bytes of `content` or `new_content`. */
  contentBytes: 16_384,
  /** UTF-8 bytes of `metadata`, as JSON. */
  metadataBytes: 8_192,
  nesting: 16,
  /** Events sent and not acknowledged. */
  window: 256,
  /** Bytes of events received and not settled, per connection. */
  windowBytes: 1_048_576,
  /** Events that may be asked for again at once. */
  resend: 1_000,
  /** Gaps of a stream that are kept, and numbers in them of which something is known; beyond, the link is closed. */
  gaps: 1_024,
  /** Records of all receivers that a position may be behind the newest, to be resumed. */
  resume: 100_000,
  /** Bytes sent to a peer and not taken by its socket. */
  outgoingBytes: 1_048_576,
  helloMs: 10_000,
  pingMs: 25_000,
  pongMs: 8_000,
  /** A gap that nobody fills for this long is lost. */
  gapMs: 60_000,
  /** Dispatches sent and not credited. */
  credit: 256,
} as const;
