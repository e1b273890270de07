// The connection of a client: which phase it is in, until when, and when to try again. Pure.
//
//   dialling ─opened─► greeting ─welcome─► live ─drain─► draining
//      ▲  │ closed        │ closed           │ closed       │ closed
//      │  ▼               ▼                  ▼              ▼
//    resting ◄────────────┴──────────────────┴──────────────┘      closed for good ─► ended
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { Heartbeat } from './heartbeat.ts';
import { type AfterClose, afterClose } from './reconnection.ts';

export type Phase = 'resting' | 'dialling' | 'greeting' | 'live' | 'draining' | 'ended';

/** What is due: dial, drop the connection (with a reason), ask whether the peer still lives. */
export type Due = { readonly do: 'dial' | 'ask' } | { readonly do: 'drop'; readonly reason: string };

const DIAL_MS = 30_000;
const GREETING_MS = 15_000;
const DRAIN_MS = 30_000;
/** A connection that lived this long was worth it. */
const LIVED_MS = 30_000;
const NEVER = Number.POSITIVE_INFINITY;

export class LinkState {
  #phase: Phase = 'resting';
  /** When the phase has lasted too long, or is over. */
  #untilMs = NEVER;
  /** Connections since the last one that achieved something. */
  #attempt = 0;
  #reconnectMs: number | undefined;
  #liveSinceMs = 0;
  #heartbeat = new Heartbeat(PROTOCOL_LIMITS.pingMs, 0);

  get phase(): Phase {
    return this.#phase;
  }

  get isUp(): boolean {
    return this.#phase !== 'ended' && this.#phase !== 'resting';
  }

  get isWelcome(): boolean {
    return this.#phase === 'live' || this.#phase === 'draining';
  }

  dial(nowMs: number): void {
    this.#attempt += 1;
    this.#reconnectMs = undefined;
    this.#enter('dialling', nowMs + DIAL_MS);
  }

  greet(nowMs: number): void {
    this.#enter('greeting', nowMs + GREETING_MS);
  }

  welcome(pingMs: number, nowMs: number): void {
    this.#heartbeat = new Heartbeat(pingMs, nowMs);
    this.#liveSinceMs = nowMs;
    this.#enter('live', NEVER);
  }

  drain(reconnectMs: number, nowMs: number): void {
    this.#reconnectMs = reconnectMs;
    this.#enter('draining', nowMs + DRAIN_MS);
  }

  /** Something has got through: the next pause is short again. */
  progress(): void {
    this.#attempt = 1;
  }

  heard(nowMs: number): void {
    this.#heartbeat.heard(nowMs);
  }

  asked(nowMs: number): void {
    this.#heartbeat.asked(nowMs);
  }

  closed(code: number, random: number, nowMs: number): AfterClose {
    if (this.isWelcome && nowMs - this.#liveSinceMs >= LIVED_MS) this.progress();
    const next = afterClose({ code, attempt: this.#attempt, reconnectMs: this.#reconnectMs, random });
    if (next.do === 'come-back') this.#enter('resting', nowMs + next.afterMs);
    return next;
  }

  end(): void {
    this.#enter('ended', NEVER);
  }

  due(nowMs: number): Due | undefined {
    if (nowMs >= this.#untilMs) {
      if (this.#phase === 'resting') return { do: 'dial' };
      return { do: 'drop', reason: `${this.#phase} for too long` };
    }
    if (!this.isWelcome) return undefined;
    if (this.#heartbeat.isSilent(nowMs)) return { do: 'drop', reason: 'nothing was heard for a minute' };
    return this.#heartbeat.isToAsk(nowMs) ? { do: 'ask' } : undefined;
  }

  get dueMs(): number {
    return this.isWelcome ? Math.min(this.#untilMs, this.#heartbeat.dueMs) : this.#untilMs;
  }

  #enter(phase: Phase, untilMs: number): void {
    this.#phase = phase;
    this.#untilMs = untilMs;
  }
}
