// Who may use a command, and how often; pure. What was answered is counted on the ledger and by the commands' own times of
// receipt, so that a restart, another member or a replay comes to the same judgement; nothing is kept in memory.

export interface Rule {
  /** Senders and chats that may use it; undefined: everyone, everywhere. Either of the two is enough. */
  readonly allow: { readonly senders: readonly string[]; readonly chats: readonly string[] } | undefined;
  /** How often one sender in one chat is answered in a minute. */
  readonly perMinute: number;
}

export const DEFAULT_RULE: Rule = { allow: undefined, perMinute: 20 };
export const LIMIT_WINDOW_MS = 60_000;

export function isAllowed({ allow }: Rule, { chat, actor }: { chat: string | null; actor: string | null }): boolean {
  if (allow === undefined) return true;
  return (actor !== null && allow.senders.includes(actor)) || (chat !== null && allow.chats.includes(chat));
}

/** A command on the ledger that was answered: in earnest, or by being told that the limit is reached. */
export interface Answered {
  readonly limitKey: string;
  readonly receivedAtMs: number;
  readonly isToldOnly: boolean;
}

/**
 * `admitted`: to be answered. `told`: answered by saying that the limit is reached. `silenced`: told so often that nothing is
 * said any more, so that two machines that answer each other come to rest.
 */
export type Admission = 'admitted' | 'told' | 'silenced';

/** The answers of the last minutes, those of the batch in hand included. */
export class RecentAnswers {
  readonly #byKey: Map<string, Answered[]>;

  constructor(onLedger: readonly Answered[]) {
    this.#byKey = Map.groupBy(onLedger, ({ limitKey }) => limitKey);
  }

  /** Judges a command and counts its answer. In a window of one minute both kinds of answer are limited to `perMinute`. */
  admit(limitKey: string, receivedAtMs: number, { perMinute }: Rule): Admission {
    const answered = this.#byKey.get(limitKey) ?? [];
    const isRecent = (one: Answered): boolean =>
      one.receivedAtMs > receivedAtMs - LIMIT_WINDOW_MS && one.receivedAtMs <= receivedAtMs;
    const told = answered.filter((one) => isRecent(one) && one.isToldOnly).length;
    const admitted = answered.filter((one) => isRecent(one) && !one.isToldOnly).length;
    const admission = admitted < perMinute ? 'admitted' : told < perMinute ? 'told' : 'silenced';
    if (admission !== 'silenced') {
      this.#byKey.set(limitKey, [...answered, { limitKey, receivedAtMs, isToldOnly: admission === 'told' }]);
    }
    return admission;
  }
}
