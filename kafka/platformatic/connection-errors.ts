// A patch of @platformatic/kafka 2.12.1: `Connection.connect`, dist/network/connection.js.
//
// Why. A connection whose login is refused says so by an error event, and by another one if the broker then resets it; so does one whose login
// is not renewed. Whoever asked for it listens for the first alone, and an error event that nobody listens for ends the process.
//
// What differs. Each connection has somebody who listens for all its errors. Whoever waits for the connection, or for an answer by it, is told as
// before.
//
// How. In memory, as kafkajs/patches/idle-timers.ts says, and around the library's own function.
import { Connection } from '@platformatic/kafka';
import { assertReviewed } from '../reviewed.ts';

const MODULE = '@platformatic/kafka, network/connection.js';
const REVIEWED_SHA256 = 'e877f3871ae73d8af6f04e417e464b933df3344df0a26285ad21faf35efc0706';

export type ConnectionClass = { readonly prototype: Pick<Connection, 'connect' | 'on'> };

const patched = new WeakSet<ConnectionClass['prototype']>();

export function patchConnectionErrors({ prototype }: ConnectionClass = Connection): void {
  if (patched.has(prototype)) return;
  const { connect } = prototype;
  assertReviewed(MODULE, String(connect), REVIEWED_SHA256);
  prototype.connect = function connectHeard(this: Connection, ...args: Parameters<Connection['connect']>) {
    this.on('error', ignore);
    return Reflect.apply(connect, this, args);
  };
  patched.add(prototype);
}

function ignore(): void {
  // Told to whom it concerns: the listener of the one who asked for the connection, or the callbacks of what was sent.
}
