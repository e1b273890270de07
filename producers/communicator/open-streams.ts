// The epochs of its one stream that a connection may send events of, each with its account and with what is still to be said.
import type { Clock } from '../../service/clock.ts';
import { type AckFrame, Acknowledgements, type AcknowledgementsOptions } from './acknowledgements.ts';
import type { Outcome } from './recent-events.ts';
import type { StreamAccount } from './stream-account.ts';
import type { StreamState } from './streams.ts';

export interface OpenStream {
  readonly state: StreamState;
  readonly account: StreamAccount;
  readonly acks: Acknowledgements;
  /** The peer has been told once more what became of what was settled before. */
  isTold: boolean;
}

/** More than this of what was settled long ago is not said: it is for answers that were lost with a connection. */
const TOLD_MAX = 4_096;

export class OpenStreams {
  readonly #saying: Pick<AcknowledgementsOptions, 'nowMs' | 'paceMs' | 'send'>;
  readonly #byEpoch = new Map<string, OpenStream>();
  #state: StreamState | undefined;

  constructor(clock: Clock, paceMs: number, send: (frame: AckFrame) => void) {
    this.#saying = { nowMs: () => clock.nowMs(), paceMs, send };
  }

  /** Undefined before the first hello. */
  get state(): StreamState | undefined {
    return this.#state;
  }

  /** Events go to any of the stream's epochs that are still known, acknowledgements name theirs. */
  enter(state: StreamState): void {
    this.#state = state;
    for (const epoch of this.#byEpoch.keys()) if (!state.accounts.has(epoch)) this.#byEpoch.delete(epoch);
    for (const [epoch, account] of state.accounts) {
      if (this.#byEpoch.has(epoch)) continue;
      const upto = (): number => account.upto;
      const acks = new Acknowledgements({ epoch, upto, ...this.#saying });
      this.#byEpoch.set(epoch, { state, account, acks, isTold: false });
    }
  }

  of(epoch: string): OpenStream | undefined {
    return this.#byEpoch.get(epoch);
  }

  /** What became of the numbers above this one, the newest of them: said once over a connection, however often it says hello. */
  toTell(epoch: string, acked: number): readonly (readonly [number, Outcome])[] {
    const one = this.#byEpoch.get(epoch);
    if (one === undefined || one.isTold) return [];
    one.isTold = true;
    return one.account.settledAbove(acked).slice(-TOLD_MAX);
  }

  /** Says at once what is due. */
  flush(): void {
    for (const { acks } of this.#byEpoch.values()) acks.flush();
  }
}
