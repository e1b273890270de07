// What peers sent to the simulator, for tests and people to see: the newest frames, bounded in number and in bytes. What
// falls out is counted. Pure: a ring in memory. A frame is kept as text: parsed, it may take many times its bytes.
import type { Frame } from './frame-writer.ts';

export interface ReceivedFrame {
  readonly connectionId: string;
  readonly receivedAt: string;
  readonly sizeBytes: number;
  readonly binary: boolean;
  /** The frame's text; bytes that are not UTF-8 show as replacement characters. */
  readonly text: string;
  readonly isJson: boolean;
  readonly chat: string | undefined;
}

/** With the parsed frame where it is JSON. */
export interface ShownFrame extends Omit<ReceivedFrame, 'isJson'> {
  readonly frame?: unknown;
}

export class ReceivedFrames {
  readonly #framesMax: number;
  readonly #bytesMax: number;
  #frames: (ReceivedFrame | undefined)[] = [];
  /** Index of the oldest kept frame; the part before it is cut off now and then, so that dropping costs nothing. */
  #oldest = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(framesMax: number, bytesMax: number) {
    this.#framesMax = framesMax;
    this.#bytesMax = bytesMax;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#frames.length - this.#oldest;
  }

  add(frame: ReceivedFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.sizeBytes;
    while (this.size > this.#framesMax || (this.#bytes > this.#bytesMax && this.size > 1)) {
      this.#bytes -= this.#frames[this.#oldest]?.sizeBytes ?? 0;
      this.#frames[this.#oldest++] = undefined;
      this.#dropped++;
    }
    if (this.#oldest > this.#framesMax) {
      this.#frames = this.#frames.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  /** The newest `limit` frames, of one chat where one is named, oldest first. */
  newest(limit: number, chat?: string): readonly ShownFrame[] {
    const found: ReceivedFrame[] = [];
    for (let index = this.#frames.length - 1; index >= this.#oldest && found.length < limit; index--) {
      const frame = this.#frames[index];
      if (frame !== undefined && (chat === undefined || frame.chat === chat)) found.push(frame);
    }
    return found
      .reverse()
      .map(({ isJson, ...frame }) => (isJson ? { ...frame, frame: JSON.parse(frame.text) } : frame));
  }
}

/** What to keep of a frame, with the chat it is about (its own, or that of the event it carries), and its value where it is JSON. */
export function describeReceived(
  bytes: Uint8Array,
  about: { connectionId: string; binary: boolean; nowMs: number },
): { readonly received: ReceivedFrame; readonly value: unknown } {
  const text = new TextDecoder().decode(bytes);
  const { connectionId, binary, nowMs } = about;
  const base = { connectionId, receivedAt: new Date(nowMs).toISOString(), sizeBytes: bytes.byteLength, binary, text };
  try {
    const value: unknown = JSON.parse(text);
    const chat = textMember(value, 'chat') ?? textMember(member(value, 'event'), 'chat');
    return { received: { ...base, isJson: true, chat }, value };
  } catch {
    return { received: { ...base, isJson: false, chat: undefined }, value: undefined };
  }
}

/** What a frame says about itself; whoever made it up may have left anything out. */
export function describeFrame(frame: unknown): Pick<Frame, 'event' | 'id' | 'chat'> {
  return { event: textMember(frame, 'event'), id: textMember(frame, 'id'), chat: textMember(frame, 'chat') };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function textMember(value: unknown, name: string): string | undefined {
  const text = member(value, name);
  return typeof text === 'string' ? text : undefined;
}
