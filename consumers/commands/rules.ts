// Who may use a command, and how often; pure. What was answered is counted on the ledger and by the commands' own times of
// receipt, so that a restart, another member or a replay comes to the same judgement.

import { isUser } from '../../schemas/source-names.ts';

export interface Rule {
  /** Senders and chats that may use it; undefined: everyone, everywhere. Either of the two is enough. A user of the gateway is a sender `user:SUBJECT`. */
  readonly allow: { readonly senders: readonly string[]; readonly chats: readonly string[] } | undefined;
  /** How often one sender in one chat is answered in a minute; a user of the gateway in all that it calls chats. */
  readonly perMinute: number;
}

export const DEFAULT_RULE: Rule = { allow: undefined, perMinute: 20 };
export const LIMIT_WINDOW_MS = 60_000;

export interface Asker {
  readonly source: string;
  readonly chat: string | null;
  readonly actor: string | null;
}

/**
 * A source that speaks for many is believed who wrote and where, but not that it was a user of the gateway. Such a user may type any
 * sender and chat, and is who its token says.
 */
export function isAllowed({ allow }: Rule, { source, chat, actor }: Asker): boolean {
  if (allow === undefined) return true;
  if (isUser(source)) return allow.senders.includes(source);
  const isNamed = actor !== null && !isUser(actor) && allow.senders.includes(actor);
  return isNamed || (chat !== null && allow.chats.includes(chat));
}

/** Who and where an answer is counted under. */
export function countedAs({ source, chat, actor }: Asker): readonly [source: string, chat: string, actor: string] {
  return isUser(source) ? [source, '', ''] : [source, chat ?? '', actor ?? ''];
}

/** What is counted together: answers under any of these keys. */
export interface Limit {
  readonly keys: readonly string[];
  readonly perMinute: number;
}

/** A command on the ledger that was answered: in earnest, or by being told that the limit is reached. */
export interface Answered {
  readonly eventKey: string;
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

  readonly #given: Answered[] = [];

  /** What is told of the same event twice is one answer. */
  constructor(known: readonly Answered[]) {
    const byEvent = new Map(known.map((one) => [one.eventKey, one]));
    this.#byKey = Map.groupBy(byEvent.values(), ({ limitKey }) => limitKey);
  }

  /** Those that were counted here. */
  get given(): readonly Answered[] {
    return this.#given;
  }

  /** Judges a command and counts its answer. In a window of one minute each limit holds for both kinds of answer; the strictest decides. */
  admit(about: Pick<Answered, 'eventKey' | 'limitKey' | 'receivedAtMs'>, limits: readonly Limit[]): Admission {
    const { limitKey, receivedAtMs } = about;
    const judged = limits.map((limit) => this.#judge(limit, receivedAtMs));
    const admission = (['silenced', 'told'] as const).find((one) => judged.includes(one)) ?? 'admitted';
    if (admission !== 'silenced') {
      const answer = { ...about, isToldOnly: admission === 'told' };
      this.#byKey.set(limitKey, [...(this.#byKey.get(limitKey) ?? []), answer]);
      this.#given.push(answer);
    }
    return admission;
  }

  #judge({ keys, perMinute }: Limit, receivedAtMs: number): Admission {
    const recent = keys
      .flatMap((key) => this.#byKey.get(key) ?? [])
      .filter((one) => one.receivedAtMs > receivedAtMs - LIMIT_WINDOW_MS && one.receivedAtMs <= receivedAtMs);
    const told = recent.filter(({ isToldOnly }) => isToldOnly).length;
    return recent.length - told < perMinute ? 'admitted' : told < perMinute ? 'told' : 'silenced';
  }
}
