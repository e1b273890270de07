// Encoded events, one behind the other in blocks: written in one pass, and without an allocation for each. Every event begins with where it
// comes from, and many of one session come together: that part is written once and copied for those that follow.
import type { IncomingEvent } from '../schemas/generated.ts';
import { eventBytesMax, type SessionFields, writeEvent, writeSession, writeUnder } from './write-event.ts';

const BLOCK_BYTES = 65_536;

/** The session of the last event, and where in the block it is written. */
interface LastSession extends SessionFields {
  readonly from: number;
  readonly to: number;
}

export class EventWriter {
  readonly #headerBytes: number;
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;
  #last: LastSession | undefined;

  /** `headerBytes`: room before each event, the caller's to fill. */
  constructor(headerBytes: number) {
    this.#headerBytes = headerBytes;
  }

  /** Throws a RangeError for a number that is none of the schema's. */
  write(event: IncomingEvent): Buffer {
    const headerBytes = this.#headerBytes;
    const bytesMax = headerBytes + eventBytesMax(event);
    if (bytesMax > BLOCK_BYTES) {
      const own = Buffer.allocUnsafeSlow(bytesMax);
      return own.subarray(0, writeEvent(event, own, headerBytes));
    }
    if (this.#used + bytesMax > BLOCK_BYTES) {
      // What was handed out keeps the old block.
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#used = 0;
      this.#last = undefined;
    }
    const from = this.#used;
    this.#used = writeUnder(event, this.#block, this.#session(event, from + headerBytes));
    return this.#block.subarray(from, this.#used);
  }

  #session(event: IncomingEvent, from: number): number {
    const last = this.#last;
    if (last !== undefined && isOfSession(event, last)) {
      this.#block.copyWithin(from, last.from, last.to);
      return from + last.to - last.from;
    }
    // Where the event is none after all, the next one is written in its place, and these fields of it with it.
    const { source, connection, stream, streamEpoch } = event;
    const to = writeSession(event, this.#block, from);
    this.#last = { source, connection, stream, streamEpoch, from, to };
    return to;
  }
}

function isOfSession(event: IncomingEvent, { source, connection, stream, streamEpoch }: SessionFields): boolean {
  return (
    event.connection === connection &&
    event.source === source &&
    event.stream === stream &&
    event.streamEpoch === streamEpoch
  );
}
