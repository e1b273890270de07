// How much a client may say: the limits that the gateway gave, the pace, and the window of what is on its way. Pure.
import { PROTOCOL_ERROR, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { EventLimits } from './event-text.ts';
import type { GatewayFrame, Welcome } from './gateway-frames.ts';
import type { Outbox } from './outbox.ts';
import { Pacer } from './pacer.ts';

const NEVER = Number.POSITIVE_INFINITY;

type Complaint = Extract<GatewayFrame, { readonly op: 'error' }>;

export class Flow {
  /** Until a gateway gives others, those of the protocol. */
  #frame: number = PROTOCOL_LIMITS.frameBytes;
  #content: number = PROTOCOL_LIMITS.contentBytes;
  #window: number = PROTOCOL_LIMITS.window;
  #credit: number = PROTOCOL_LIMITS.credit;
  #pacer = new Pacer({ rate: undefined, burst: undefined }, 0);
  #sendAtMs = NEVER;

  get eventLimits(): EventLimits {
    return { frame: this.#frame, content: this.#content };
  }

  /** Dispatches that the gateway sends without credit. */
  get credit(): number {
    return this.#credit;
  }

  /** When more may be sent though nothing happens before. */
  get sendAtMs(): number {
    return this.#sendAtMs;
  }

  welcome({ frame, content, window, credit, rate, burst }: Welcome['limits'], nowMs: number): void {
    this.#frame = frame ?? PROTOCOL_LIMITS.frameBytes;
    this.#content = content ?? PROTOCOL_LIMITS.contentBytes;
    this.#window = Math.max(1, window ?? PROTOCOL_LIMITS.window);
    this.#credit = Math.max(1, credit ?? PROTOCOL_LIMITS.credit);
    this.#pacer = new Pacer({ rate, burst }, nowMs);
  }

  pause(untilMs: number): void {
    this.#pacer.pause(untilMs);
  }

  /** Of a log that does not answer everybody is told, again and again, though it be one partition: the window holds back enough then. */
  complained({ code, isTemporary, retryAfterMs }: Complaint, nowMs: number): void {
    if (code === PROTOCOL_ERROR.logUnavailable.code) return;
    if (isTemporary && retryAfterMs !== undefined) this.pause(nowMs + retryAfterMs);
  }

  /** What may go out now. */
  take(outbox: Outbox, nowMs: number): readonly string[] {
    const available = this.#pacer.available(nowMs);
    const texts = outbox.take({ window: this.#window, windowBytes: PROTOCOL_LIMITS.windowBytes }, available);
    this.#pacer.spend(texts.length);
    this.#sendAtMs = texts.length === available && outbox.hasWaiting ? this.#pacer.nextMs(nowMs) : NEVER;
    return texts;
  }

  /** Not connected: nothing may. */
  rest(): void {
    this.#sendAtMs = NEVER;
  }
}
