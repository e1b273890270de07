// Those on the users' port who have not said hello: they have shown no token, so they may cost little. Bounded: how many they are,
// what each has sent and in how many pieces, and what all have sent together, for the library keeps what is no whole frame yet, and
// each piece of it, be it one byte, as a buffer of its own. Whoever says hello at once is
// never held up by those who say nothing: one of these gives its place to whoever comes.
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Wire } from './wire.ts';

/** A hello is a frame; more than the headers and the framing never come before it. */
const HELLO_BYTES_MAX = PROTOCOL_LIMITS.frameBytes + 32_768;
/** The largest comes in 183 where the network takes least at a time. */
const HELLO_PIECES_MAX = 512;
/** What a piece takes beside its bytes. */
const PIECE_BYTES = 1_024;
/** Of all together, with their pieces; above it each may send what hardly a hello needs more than. */
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
  readonly #silent = new Map<Wire, { readonly sinceMs: number; readonly socket: Socket }>();
  readonly #measured = new WeakMap<Wire, () => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** From now on it may send no more than a hello has, also where it is refused: what comes is kept until it is gone. */
  measure(wire: Wire, socket: Measured): void {
    let cost: number | undefined = 0;
    let pieces = 0;
    const look = (): void => {
      if (cost === undefined) return;
      pieces += 1;
      this.#bytes -= cost;
      cost = socket.bytesRead + pieces * PIECE_BYTES;
      this.#bytes += cost;
      if (socket.bytesRead > HELLO_BYTES_MAX || pieces > HELLO_PIECES_MAX) wire.cutOff('protocol');
      else if (this.#bytes > ALL_BYTES_MAX && cost > SMALL_HELLO_BYTES) wire.cutOff('full');
    };
    const over = (): void => {
      this.#bytes -= cost ?? 0;
      cost = undefined;
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

  add(wire: Wire, socket: Socket, nowMs: number): void {
    this.#silent.set(wire, { sinceMs: nowMs, socket });
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

  /** Closes the one that has been silent for longest, which may come back; none when even that one has not had its time yet. */
  giveWay(nowMs: number): Socket | undefined {
    for (const [wire, { sinceMs, socket }] of this.#silent) {
      if (nowMs - sinceMs < HELLO_SOON_MS) return undefined;
      this.#silent.delete(wire);
      wire.close('full');
      return socket;
    }
    return undefined;
  }
}
