// A patch of kafkajs 2.2.4: `Connection.connect`, src/network/connection.js.
//
// Why. A connection object outlives its socket, and keeps what it had received: when a socket breaks in the middle of an answer,
// that half stands before the first answer over the next socket, and nothing that follows is understood. Every request on the object
// then has no answer until it times out, ten seconds each.
//
// What differs. A connection that connects begins with nothing received. All else is the library's own function, called as it is.
//
// How. In memory, as idle-timers.ts says, and only before the text that was reviewed.
import { createRequire } from 'node:module';
import { assertReviewed } from '../../reviewed.ts';

const MODULE = 'kafkajs/src/network/connection.js';
const REVIEWED_SHA256 = 'e9e4cbe887a94eb248d8d8684a7d376aa42a5b24249c4379bb7055f06ce13a95';
/** The length that stands before each answer. */
const LENGTH_BYTES = 4;

interface Connection {
  bytesBuffered: number;
  bytesNeeded: number;
  chunks: Buffer[];
  isConnected(): boolean;
}

export interface ConnectionClass {
  readonly prototype: {
    connect: (this: Connection) => Promise<unknown>;
    readonly processData: (this: Connection, data: Buffer) => void;
  };
}

const patched = new WeakSet<ConnectionClass['prototype']>();

export function patchStaleAnswers(
  { prototype }: ConnectionClass = createRequire(import.meta.url)(MODULE) as ConnectionClass,
): void {
  if (patched.has(prototype)) return;
  const { connect, processData } = prototype;
  assertReviewed(MODULE, `${String(connect)}${String(processData)}`, REVIEWED_SHA256);
  prototype.connect = function connectWithNothingReceived(this: Connection): Promise<unknown> {
    if (!this.isConnected()) {
      this.bytesBuffered = 0;
      this.bytesNeeded = LENGTH_BYTES;
      this.chunks = [];
    }
    return connect.call(this);
  };
  patched.add(prototype);
}
