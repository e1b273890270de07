// The epochs of its one stream that a connection may send events of, each with its account and with what is still to be said.
import type { Clock } from '../../service/clock.ts';
import { type AckFrame, Acknowledgements, type AcknowledgementsOptions } from './acknowledgements.ts';
import type { StreamAccount } from './stream-account.ts';
import type { StreamState } from './streams.ts';

export interface OpenStream {
  readonly state: StreamState;
  readonly account: StreamAccount;
  readonly acks: Acknowledgements;
}

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
      this.#byEpoch.set(epoch, { state, account, acks });
    }
  }

  of(epoch: string): OpenStream | undefined {
    return this.#byEpoch.get(epoch);
  }

  /** Says at once what is due. */
  flush(): void {
    for (const { acks } of this.#byEpoch.values()) acks.flush();
  }
}
