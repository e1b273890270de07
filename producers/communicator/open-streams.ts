// The epochs of its one stream that a connection may send events of, each with its account and with what is still to be said.
import { Acknowledgements, type AcknowledgementsOptions } from './acknowledgements.ts';
import type { Saying } from './event-answers.ts';
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
  readonly #options: AcknowledgementsOptions;
  readonly #saying: Saying;
  /** Most have one, none more than a few. */
  #streams: readonly OpenStream[] = [];
  #state: StreamState | undefined;

  constructor(options: AcknowledgementsOptions, saying: Saying) {
    this.#options = options;
    this.#saying = saying;
  }

  /** Undefined before the first hello. */
  get state(): StreamState | undefined {
    return this.#state;
  }

  /** Events go to any of the stream's epochs that are still known, acknowledgements name theirs. */
  enter(state: StreamState): void {
    this.#state = state;
    this.#streams = [...state.accounts.values()].map(
      (account) => this.of(account.epoch) ?? this.#newOf(state, account),
    );
  }

  /** Undefined for an epoch that was never announced. */
  of(epoch: string): OpenStream | undefined {
    return this.#streams.find(({ account }) => account.epoch === epoch);
  }

  /** What became of the numbers above this one, the newest of them: said once over a connection, however often it says hello. */
  toTell(epoch: string, acked: number): readonly (readonly [number, Outcome])[] {
    const one = this.of(epoch);
    if (one === undefined || one.isTold) return [];
    one.isTold = true;
    return one.account.settledAbove(acked).slice(-TOLD_MAX);
  }

  /** Says at once what is due. */
  flush(): void {
    for (const { acks } of this.#streams) acks.flush();
  }

  #newOf(state: StreamState, account: StreamAccount): OpenStream {
    return { state, account, acks: new Acknowledgements(account, this.#options, this.#saying), isTold: false };
  }
}
