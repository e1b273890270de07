// What a peer sends between its hello and its welcome, in order: up to a window of it waits until we know where it belongs. It has no
// number yet, as if the socket still had it.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Frame } from './parse-frame.ts';

const { window, windowBytes } = PROTOCOL_LIMITS;

export class EarlyFrames {
  static readonly bound = `more than ${window} frames or ${windowBytes} bytes before the welcome`;
  #frames: Frame[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** False when it is more than may wait. */
  hold(frame: Frame): boolean {
    this.#frames.push(frame);
    this.#bytes += frame.bytes.length;
    return this.#frames.length <= window && this.#bytes <= windowBytes;
  }

  /** All of them; nothing waits here any more. */
  take(): readonly Frame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return frames;
  }
}
