// Every stream that a peer counts, across its connections: the accounts of its newest epochs, and which session speaks for it now.
// Of two sessions of one stream the newer counts. A stream that nobody has spoken for in a while keeps only its position, and one that
// somebody made up, and sent nothing under, nothing at all.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Clock } from '../../service/clock.ts';
import type { EventName } from './event-name.ts';
import type { Outcome } from './recent-events.ts';
import type { SeqRange } from './seq-gaps.ts';
import { StreamAccount } from './stream-account.ts';

export interface StreamPosition {
  readonly source: string;
  readonly stream: string;
  readonly epoch: string;
  readonly upto: number;
}

/** Where positions outlast this process. */
export interface Positions {
  find(source: string, stream: string): Promise<StreamPosition | undefined>;
  save(positions: readonly StreamPosition[]): void;
}

export type GapKind = 'gap_open' | 'gap_closed' | 'gap_lost' | 'sampled';
export interface GapEvent extends SeqRange {
  readonly kind: GapKind;
  readonly source: string;
  readonly stream: string;
  readonly epoch: string;
}

/** Who speaks for a stream at the moment. */
export interface Speaker {
  readonly askAgain: (epoch: string, range: SeqRange) => void;
  /** Positions moved without an event of the peer's. */
  readonly moved: (epoch: string) => void;
  /** What became of an event, whichever connection it came over. */
  readonly settled: (epoch: string, name: EventName, outcome: Outcome) => void;
  readonly replaced: () => void;
  /** Whether nothing that it sends has been read since this was asked last, for it is paused. */
  readonly wasUnread: () => boolean;
}

export interface StreamState {
  readonly source: string;
  readonly stream: string;
  /** By epoch, the newest last; a late frame may still belong to one before it. */
  readonly accounts: Map<string, StreamAccount>;
  speaker: Speaker | undefined;
  idleSinceMs: number;
  savedEpoch: string;
  savedUpto: number;
}

export interface Opened {
  readonly state: StreamState;
  readonly account: StreamAccount;
  readonly isNewEpoch: boolean;
  /** The epoch that a new one ends. */
  readonly ended: string | undefined;
}

export interface StreamsOptions {
  readonly positions: Positions;
  readonly clock: Clock;
  /** Resolves when the log has it, or refuses it for good. */
  readonly onGap: (gap: GapEvent) => Promise<void>;
}

interface Sampled {
  readonly state: StreamState;
  readonly account: StreamAccount;
  readonly from: number;
  to: number;
  /** Whoever waits for each. */
  readonly onSettled: (() => void)[];
}

const EPOCHS_KEPT = 4;
const IDLE_MS = 600_000;
/** Streams that nobody speaks for; more than users are connected by default, for all of them may come back at once. */
const IDLE_MAX = 50_000;

export class Streams {
  readonly #options: StreamsOptions;
  readonly #states = new Map<string, StreamState>();
  #tickedMs: number | undefined;
  readonly #sampled: Sampled[] = [];

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#states.size;
  }

  /**
   * The account that the stream's events go to from now on. `out.seq`: the last number that the peer had used; `out.acked`: up to
   * where it was told that all is safe, and keeps nothing: a position that was saved may lag behind that.
   */
  async open(
    { source, stream, epoch }: { source: string; stream: string; epoch: string },
    out: { readonly seq: number; readonly acked?: number | undefined },
    speaker: Speaker,
  ): Promise<Opened> {
    const name = nameOf({ source, stream });
    const stored = this.#states.has(name) ? undefined : await this.#options.positions.find(source, stream);
    let state = this.#states.get(name);
    if (state === undefined) {
      state = { source, stream, accounts: new Map(), speaker, idleSinceMs: 0, savedEpoch: '', savedUpto: 0 };
      this.#states.set(name, state);
    }
    this.#speaks(state, speaker);
    const before = newestOf(state)?.epoch ?? stored?.epoch;
    const known = state.accounts.get(epoch);
    const upto = stored?.epoch === epoch ? stored.upto : undefined;
    const acked = out.acked === undefined ? undefined : Math.min(out.acked, out.seq);
    const settled = upto === undefined || acked === undefined ? (upto ?? acked) : Math.max(upto, acked);
    if (acked !== undefined) known?.believe(acked);
    const account = known ?? new StreamAccount(epoch, { upto: settled, givenOut: out.seq });
    // Also one that is known becomes the newest: its position is the one to save.
    state.accounts.delete(epoch);
    state.accounts.set(epoch, account);
    for (const old of state.accounts.keys()) if (state.accounts.size > EPOCHS_KEPT) state.accounts.delete(old);
    const isNewEpoch = known === undefined && upto === undefined;
    return { state, account, isNewEpoch, ended: isNewEpoch && before !== epoch ? before : undefined };
  }

  /**
   * Left out on purpose: whoever looks for gaps must know. Told in ranges, by the next tick; only then it counts as settled, for
   * a peer that was told so does not send it again, and nobody would know what became of the number.
   */
  sampled(state: StreamState, account: StreamAccount, seq: number, onSettled: () => void): void {
    const last = this.#sampled.at(-1);
    if (last === undefined || last.account !== account || last.to !== seq - 1)
      this.#sampled.push({ state, account, from: seq, to: seq, onSettled: [onSettled] });
    else {
      last.to = seq;
      last.onSettled.push(onSettled);
    }
  }

  async #tellSampled({ state, account, from, to, onSettled }: Sampled): Promise<void> {
    await this.#tell('sampled', state, account.epoch, { from, to });
    account.leftOut({ from, to });
    for (const settled of onSettled) settled();
    for (const range of account.takeClosed()) this.gap('gap_closed', state, account.epoch, range);
    state.speaker?.moved(account.epoch);
  }

  #speaks(state: StreamState, speaker: Speaker): void {
    if (state.speaker === undefined) {
      const awayMs = this.#options.clock.nowMs() - state.idleSinceMs;
      for (const account of state.accounts.values()) account.wasAway(awayMs);
    } else if (state.speaker !== speaker) state.speaker.replaced();
    state.speaker = speaker;
  }

  leave(state: StreamState, speaker: Speaker): void {
    if (state.speaker !== speaker) return;
    state.speaker = undefined;
    state.idleSinceMs = this.#options.clock.nowMs();
    const name = nameOf(state);
    this.#states.delete(name);
    // Behind all that left before.
    if ([...state.accounts.values()].some(({ isWorthKeeping }) => isWorthKeeping)) this.#states.set(name, state);
  }

  gap(kind: GapKind, state: StreamState, epoch: string, range: SeqRange): void {
    void this.#tell(kind, state, epoch, range);
  }

  #tell(kind: GapKind, { source, stream }: StreamState, epoch: string, range: SeqRange): Promise<void> {
    return this.#options.onGap({ kind, source, stream, epoch, ...range });
  }

  /** About once a second: asks for what is missing, gives up what is late, saves positions, forgets who left long ago. */
  tick(): void {
    const nowMs = this.#options.clock.nowMs();
    const sinceMs = nowMs - (this.#tickedMs ?? nowMs);
    this.#tickedMs = nowMs;
    for (const one of this.#sampled.splice(0)) void this.#tellSampled(one);
    const moved: StreamPosition[] = [];
    for (const [name, state] of this.#states) {
      const wasUnread = state.speaker?.wasUnread() === true;
      for (const account of state.accounts.values()) {
        // What is missing may be on its way to us: that does not make it older.
        if (wasUnread) account.wasAway(sinceMs);
        else this.#tickAccount(state, account, nowMs);
      }
      const position = unsaved(state);
      if (position !== undefined) moved.push(position);
      const isIdle = state.speaker === undefined && nowMs - state.idleSinceMs > IDLE_MS;
      if (isIdle && position === undefined) this.#states.delete(name);
    }
    if (moved.length > 0) this.#options.positions.save(moved);
    this.#forgetSurplus();
  }

  /** Those that left first, once their positions are saved: whoever connects again and again can send something under each name. */
  #forgetSurplus(): void {
    if (this.#states.size <= IDLE_MAX) return;
    const idle = [...this.#states.values()].filter(({ speaker }) => speaker === undefined);
    for (const state of idle.slice(0, Math.max(0, idle.length - IDLE_MAX))) this.#states.delete(nameOf(state));
  }

  #tickAccount(state: StreamState, account: StreamAccount, nowMs: number): void {
    // While nobody speaks for it nobody can send what is missing: it is not given up.
    if (state.speaker === undefined) return;
    const uptoBefore = account.upto;
    const { lost, closed } = account.tick(nowMs, PROTOCOL_LIMITS.gapMs);
    for (const range of lost) this.gap('gap_lost', state, account.epoch, range);
    for (const range of closed) this.gap('gap_closed', state, account.epoch, range);
    if (account.upto !== uptoBefore) state.speaker.moved(account.epoch);
    if (account.missing.length === 0) return;
    for (const range of account.toAsk(PROTOCOL_LIMITS.resend, nowMs)) state.speaker.askAgain(account.epoch, range);
  }
}

/** The newest epoch's position, when it has moved since it was saved. */
function unsaved(state: StreamState): StreamPosition | undefined {
  const account = newestOf(state);
  // A name that somebody made up and sent nothing under is not worth the disk, whatever was said to be safe under it.
  if (account === undefined || account.upto === 0 || !account.hasCome) return undefined;
  const { epoch, upto } = account;
  if (epoch === state.savedEpoch && upto === state.savedUpto) return undefined;
  state.savedEpoch = epoch;
  state.savedUpto = upto;
  return { source: state.source, stream: state.stream, epoch, upto };
}

function nameOf({ source, stream }: { readonly source: string; readonly stream: string }): string {
  return JSON.stringify([source, stream]);
}

function newestOf({ accounts }: StreamState): StreamAccount | undefined {
  return [...accounts.values()].at(-1);
}
