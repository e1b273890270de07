// Whether a connection still lives. A page and Node's WebSocket do not see the pings of the protocol below, so this client asks by
// itself and listens to whatever comes. Pure.
const SILENT_MS = 60_000;
/** What an answer may take, also where this machine has slept: a silence in which nobody was asked proves nothing. */
const ANSWER_MS = 10_000;

export class Heartbeat {
  readonly #pingMs: number;
  #heardMs: number;
  #askedMs: number;

  constructor(pingMs: number, nowMs: number) {
    this.#pingMs = Math.min(Math.max(pingMs, 1_000), SILENT_MS / 2);
    this.#heardMs = nowMs;
    this.#askedMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  asked(nowMs: number): void {
    this.#askedMs = nowMs;
  }

  isSilent(nowMs: number): boolean {
    return nowMs >= this.#silentMs;
  }

  isToAsk(nowMs: number): boolean {
    return nowMs >= this.#askMs;
  }

  get dueMs(): number {
    return Math.min(this.#askMs, this.#silentMs);
  }

  get #askMs(): number {
    return Math.max(this.#heardMs, this.#askedMs) + this.#pingMs;
  }

  get #silentMs(): number {
    if (this.#askedMs <= this.#heardMs) return Number.POSITIVE_INFINITY;
    return Math.max(this.#heardMs + SILENT_MS, this.#askedMs + ANSWER_MS);
  }
}
