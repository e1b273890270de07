// Generated from schemas/avro/*.avsc by `npm run generate`; do not edit.

/** Something to send to a chat: the reply to a command. Delivered at least once and recognised by its reply id. */
export interface Dispatch {
  /** A UUID derived from the command's event key: the same command always gives the same reply id. */
  readonly replyId: string;
  /** The source the command came from and the reply goes to. */
  readonly source: string;
  /** The connection that asked; any other of the source serves when it is gone. */
  readonly connection: null | string;
  readonly chat: null | string;
  /** The id of the asking message, as its sender wrote it. */
  readonly inReplyTo: null | string;
  /** The event key (UUID) of the asking message. */
  readonly eventKey: string;
  /** The command's name without the slash. */
  readonly command: string;
  readonly content: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
}

export type EventKind = 'message' | 'typing' | 'read' | 'delivered' | 'presence' | 'reaction' | 'edit' | 'delete' | 'connection' | 'unknown';

/** An envelope around the exact bytes received from a chat source. The envelope is for routing and for the audit; the payload is never re-encoded. */
export interface IncomingEvent {
  /** The configured name of the chat source. */
  readonly source: string;
  /** One WebSocket connection of that source (a ULID). */
  readonly connection: string;
  /** The source's own stream, when it counts its events. */
  readonly stream: null | string;
  /** The life of the stream's counter (a ULID). */
  readonly streamEpoch: null | string;
  /** The source's sequence number in the stream and epoch, from 1. */
  readonly seq: null | number;
  /** The process start of the communicator that received the frame (a ULID). */
  readonly gatewayEpoch: string;
  /** Dense from 1 within the gateway epoch, assigned at receipt. */
  readonly ingestSeq: number;
  /** Milliseconds since the Unix epoch, the communicator's clock; also the record's timestamp. */
  readonly receivedAt: number;
  readonly kind: EventKind;
  /** The event's own id as the source wrote it. */
  readonly id: null | string;
  readonly chat: null | string;
  /** First of sender, reader, recipient, user, editor, deleted_by. */
  readonly actor: null | string;
  /** The message_type of a message. */
  readonly type: null | string;
  /** The frame exactly as received: UTF-8 text of one JSON object. */
  readonly payload: Buffer;
}

export type Sha256 = Buffer;

/** A frame that cannot become an event, kept with its reason so that the audit can account for it. */
export interface RejectedFrame {
  readonly source: string;
  readonly connection: string;
  readonly gatewayEpoch: string;
  readonly ingestSeq: number;
  /** Milliseconds since the Unix epoch. */
  readonly receivedAt: number;
  /** The protocol's error code: 104 malformed, 105 not an object or nested too deep, 107 frame too large, 108 content too large. */
  readonly code: number;
  readonly reason: string;
  readonly binary: boolean;
  /** The first 64 KiB of the frame. */
  readonly raw: Buffer;
  /** The full length of the frame. */
  readonly sizeBytes: number;
  /** Of the whole frame. */
  readonly sha256: Sha256;
  /** The source's own stream, when it counts its events and the frame still says which one it is. */
  readonly stream: null | string;
  readonly streamEpoch: null | string;
  /** The source's number: refused for good, so no gap. */
  readonly seq: null | number;
}

export type CheckpointKind = 'opened' | 'progress' | 'gap_open' | 'gap_closed' | 'gap_lost' | 'sampled' | 'closed' | 'unknown';

export interface EndOffset {
  readonly topic: string;
  readonly partition: number;
  /** One past the last offset this gateway epoch appended there. */
  readonly offset: number;
}

export interface SettledRange {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  readonly reason: string;
}

/** What a communicator knows about the completeness of what it received. With source null it speaks of the whole gateway epoch, else of one source. */
export interface SourceCheckpoint {
  readonly kind: CheckpointKind;
  readonly source: null | string;
  readonly gatewayEpoch: string;
  /** The communicator instance (its configured name). */
  readonly instance: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Every ingestSeq up to and including this one is in the log or in settledElsewhere. */
  readonly settledUpTo: number;
  /** The highest ingestSeq assigned so far. */
  readonly received: number;
  /** How many frames may be received and not yet settled: the bound of what a crash can take. */
  readonly inFlightMax: number;
  /** Read up to here before judging that a settled frame is not in the log. */
  readonly ends: readonly EndOffset[];
  readonly settledElsewhere: readonly SettledRange[];
  /** Why a source or an epoch was closed. */
  readonly reason: null | string;
  /** Of a source that counts its events: which of its streams. */
  readonly stream: null | string;
  /** The life of the stream's counter. */
  readonly streamEpoch: null | string;
  /** The first of the source's numbers that a gap_open, gap_closed, gap_lost or sampled is about. */
  readonly from: null | number;
  /** The last of them, inclusive. */
  readonly to: null | number;
  /** In a source's progress: every one of its numbers up to this one is settled, or lost by name. */
  readonly upto: null | number;
  /** Of the gateway epoch: the numbers from here on may lie in the spool of this instance and nowhere else. */
  readonly spoolFrom: null | number;
  /** The last number that is in the spool, inclusive. */
  readonly spoolTo: null | number;
}

export interface Schemas {
  readonly Dispatch: Dispatch;
  readonly IncomingEvent: IncomingEvent;
  readonly RejectedFrame: RejectedFrame;
  readonly SourceCheckpoint: SourceCheckpoint;
}

export type SchemaName = keyof Schemas;

export const AVRO_SCHEMAS = {
  Dispatch: {"type":"record","name":"Dispatch","namespace":"pmc","doc":"Something to send to a chat: the reply to a command. Delivered at least once and recognised by its reply id.","fields":[{"name":"replyId","type":"string","doc":"A UUID derived from the command's event key: the same command always gives the same reply id."},{"name":"source","type":"string","doc":"The source the command came from and the reply goes to."},{"name":"connection","type":["null","string"],"default":null,"doc":"The connection that asked; any other of the source serves when it is gone."},{"name":"chat","type":["null","string"],"default":null},{"name":"inReplyTo","type":["null","string"],"default":null,"doc":"The id of the asking message, as its sender wrote it."},{"name":"eventKey","type":"string","doc":"The event key (UUID) of the asking message."},{"name":"command","type":"string","doc":"The command's name without the slash."},{"name":"content","type":"string"},{"name":"createdAt","type":"long","doc":"Milliseconds since the Unix epoch."}]},
  IncomingEvent: {"type":"record","name":"IncomingEvent","namespace":"pmc","doc":"An envelope around the exact bytes received from a chat source. The envelope is for routing and for the audit; the payload is never re-encoded.","fields":[{"name":"source","type":"string","doc":"The configured name of the chat source."},{"name":"connection","type":"string","doc":"One WebSocket connection of that source (a ULID)."},{"name":"stream","type":["null","string"],"default":null,"doc":"The source's own stream, when it counts its events."},{"name":"streamEpoch","type":["null","string"],"default":null,"doc":"The life of the stream's counter (a ULID)."},{"name":"seq","type":["null","long"],"default":null,"doc":"The source's sequence number in the stream and epoch, from 1."},{"name":"gatewayEpoch","type":"string","doc":"The process start of the communicator that received the frame (a ULID)."},{"name":"ingestSeq","type":"long","doc":"Dense from 1 within the gateway epoch, assigned at receipt."},{"name":"receivedAt","type":"long","doc":"Milliseconds since the Unix epoch, the communicator's clock; also the record's timestamp."},{"name":"kind","type":{"type":"enum","name":"EventKind","symbols":["message","typing","read","delivered","presence","reaction","edit","delete","connection","unknown"],"default":"unknown"}},{"name":"id","type":["null","string"],"default":null,"doc":"The event's own id as the source wrote it."},{"name":"chat","type":["null","string"],"default":null},{"name":"actor","type":["null","string"],"default":null,"doc":"First of sender, reader, recipient, user, editor, deleted_by."},{"name":"type","type":["null","string"],"default":null,"doc":"The message_type of a message."},{"name":"payload","type":"bytes","doc":"The frame exactly as received: UTF-8 text of one JSON object."}]},
  RejectedFrame: {"type":"record","name":"RejectedFrame","namespace":"pmc","doc":"A frame that cannot become an event, kept with its reason so that the audit can account for it.","fields":[{"name":"source","type":"string"},{"name":"connection","type":"string"},{"name":"gatewayEpoch","type":"string"},{"name":"ingestSeq","type":"long"},{"name":"receivedAt","type":"long","doc":"Milliseconds since the Unix epoch."},{"name":"code","type":"int","doc":"The protocol's error code: 104 malformed, 105 not an object or nested too deep, 107 frame too large, 108 content too large."},{"name":"reason","type":"string"},{"name":"binary","type":"boolean"},{"name":"raw","type":"bytes","doc":"The first 64 KiB of the frame."},{"name":"sizeBytes","type":"long","doc":"The full length of the frame."},{"name":"sha256","type":{"type":"fixed","name":"Sha256","size":32},"doc":"Of the whole frame."},{"name":"stream","type":["null","string"],"default":null,"doc":"The source's own stream, when it counts its events and the frame still says which one it is."},{"name":"streamEpoch","type":["null","string"],"default":null},{"name":"seq","type":["null","long"],"default":null,"doc":"The source's number: refused for good, so no gap."}]},
  SourceCheckpoint: {"type":"record","name":"SourceCheckpoint","namespace":"pmc","doc":"What a communicator knows about the completeness of what it received. With source null it speaks of the whole gateway epoch, else of one source.","fields":[{"name":"kind","type":{"type":"enum","name":"CheckpointKind","symbols":["opened","progress","gap_open","gap_closed","gap_lost","sampled","closed","unknown"],"default":"unknown"}},{"name":"source","type":["null","string"],"default":null},{"name":"gatewayEpoch","type":"string"},{"name":"instance","type":"string","doc":"The communicator instance (its configured name)."},{"name":"at","type":"long","doc":"Milliseconds since the Unix epoch."},{"name":"settledUpTo","type":"long","default":0,"doc":"Every ingestSeq up to and including this one is in the log or in settledElsewhere."},{"name":"received","type":"long","default":0,"doc":"The highest ingestSeq assigned so far."},{"name":"inFlightMax","type":"int","default":0,"doc":"How many frames may be received and not yet settled: the bound of what a crash can take."},{"name":"ends","type":{"type":"array","items":{"type":"record","name":"EndOffset","fields":[{"name":"topic","type":"string"},{"name":"partition","type":"int"},{"name":"offset","type":"long","doc":"One past the last offset this gateway epoch appended there."}]}},"default":[],"doc":"Read up to here before judging that a settled frame is not in the log."},{"name":"settledElsewhere","type":{"type":"array","items":{"type":"record","name":"SettledRange","fields":[{"name":"from","type":"long"},{"name":"to","type":"long","doc":"Inclusive."},{"name":"reason","type":"string"}]}},"default":[]},{"name":"reason","type":["null","string"],"default":null,"doc":"Why a source or an epoch was closed."},{"name":"stream","type":["null","string"],"default":null,"doc":"Of a source that counts its events: which of its streams."},{"name":"streamEpoch","type":["null","string"],"default":null,"doc":"The life of the stream's counter."},{"name":"from","type":["null","long"],"default":null,"doc":"The first of the source's numbers that a gap_open, gap_closed, gap_lost or sampled is about."},{"name":"to","type":["null","long"],"default":null,"doc":"The last of them, inclusive."},{"name":"upto","type":["null","long"],"default":null,"doc":"In a source's progress: every one of its numbers up to this one is settled, or lost by name."},{"name":"spoolFrom","type":["null","long"],"default":null,"doc":"Of the gateway epoch: the numbers from here on may lie in the spool of this instance and nowhere else."},{"name":"spoolTo","type":["null","long"],"default":null,"doc":"The last number that is in the spool, inclusive."}]},
} as const;
