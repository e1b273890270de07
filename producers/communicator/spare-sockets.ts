// The sockets on the users' port that are no user's: of handshakes, of those who say nothing, and of those who are told why they go.
// Bounded, so that none of them takes the descriptors that Kafka and PostgreSQL need; and whoever comes is not kept out by those who
// have had their time: the one that has been there for longest is ended for it.
import type { Socket } from 'node:net';

/** A handshake takes one round trip, and so does a close. */
const DONE_SOON_MS = 1_000;

export class SpareSockets {
  readonly #max: number;
  readonly #ended: () => void;
  /** Since when they are here; whoever was first is first. */
  readonly #since = new Map<Socket, number>();

  /** `ended` is called for each that is ended for want of room. */
  constructor(max: number, ended: () => void) {
    this.#max = max;
    this.#ended = ended;
  }

  add(socket: Socket, nowMs: number): void {
    // Nobody would take it off again.
    if (socket.destroyed) return;
    if (this.#since.size >= this.#max && !this.#giveWay(nowMs)) {
      this.#ended();
      socket.destroy();
      return;
    }
    this.#since.set(socket, nowMs);
  }

  /** It is a user's now, or has ended. */
  left(socket: Socket): void {
    this.#since.delete(socket);
  }

  #giveWay(nowMs: number): boolean {
    for (const [socket, sinceMs] of this.#since) {
      if (nowMs - sinceMs < DONE_SOON_MS) return false;
      this.#since.delete(socket);
      this.#ended();
      socket.destroy();
      return true;
    }
    return false;
  }
}
