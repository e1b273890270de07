// Those on the users' port who have not said hello: they have shown no token, so they may cost little. Bounded: how many they are,
// what each has sent, and what all have sent together, for the library keeps what is no whole frame yet. Whoever says hello at once is
// never held up by those who say nothing: one of these gives its place to whoever comes.
import type { EventEmitter } from 'node:events';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Wire } from './wire.ts';

/** A hello is a frame; more than the headers and the framing never come before it. */
const HELLO_BYTES_MAX = PROTOCOL_LIMITS.frameBytes + 32_768;
/** Of all together; above it each may send what hardly a hello needs more than. */
const ALL_BYTES_MAX = 67_108_864;
const SMALL_HELLO_BYTES = 16_384;
/** A hello takes one round trip: whoever has not said it by then has had its time. */
const HELLO_SOON_MS = 1_000;

interface Measured extends EventEmitter {
  readonly bytesRead: number;
}

export class Strangers {
  readonly #max: number;
  #bytes = 0;
  /** Since when they are here; whoever was first is first. */
  readonly #silent = new Map<Wire, number>();
  readonly #measured = new WeakMap<Wire, () => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** From now on it may send no more than a hello has, also where it is refused: what comes is kept until it is gone. */
  measure(wire: Wire, socket: Measured): void {
    let bytes: number | undefined = 0;
    const look = (): void => {
      if (bytes === undefined) return;
      this.#bytes += socket.bytesRead - bytes;
      bytes = socket.bytesRead;
      if (bytes > HELLO_BYTES_MAX) wire.cutOff('protocol');
      else if (this.#bytes > ALL_BYTES_MAX && bytes > SMALL_HELLO_BYTES) wire.cutOff('full');
    };
    const over = (): void => {
      this.#bytes -= bytes ?? 0;
      bytes = undefined;
      socket.off('data', look);
      socket.off('close', over);
    };
    socket.on('data', look);
    socket.once('close', over);
    this.#measured.set(wire, over);
  }

  get isFull(): boolean {
    return this.#silent.size >= this.#max;
  }

  add(wire: Wire, nowMs: number): void {
    this.#silent.set(wire, nowMs);
  }

  /** It has said hello: whether by a token that is good is for others to say. */
  spoke(wire: Wire): void {
    this.#silent.delete(wire);
    this.#measured.get(wire)?.();
    this.#measured.delete(wire);
  }

  left(wire: Wire): void {
    this.#silent.delete(wire);
  }

  /** Closes the one that has been silent for longest, which may come back; false when even that one has not had its time yet. */
  giveWay(nowMs: number): boolean {
    for (const [wire, sinceMs] of this.#silent) {
      if (nowMs - sinceMs < HELLO_SOON_MS) return false;
      this.#silent.delete(wire);
      wire.close('full');
      return true;
    }
    return false;
  }
}
