// Keeps the newest facts for replies. A source is asked at most once per two seconds however many commands want it, never
// twice at a time, and never waited for longer than a second: a fact that does not come in time, or fails, is unknown
// (undefined), so that no source can hold up the stream of commands.
import { steadyClock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { AllFacts, FactName, Facts } from './facts.ts';

export type FactSources = { readonly [K in FactName]: () => Promise<AllFacts[K]> };

export interface FactBoardOptions {
  readonly sources: FactSources;
  readonly logger: Logger;
  readonly maxAgeMs: number;
  readonly timeoutMs: number;
}

interface Answer {
  /** Resolves within the time-out, also when the source does not. */
  readonly value: Promise<unknown>;
  readonly askedAtMs: number;
  /** The source has not answered yet; while it has not, it is not asked again. */
  pending: boolean;
}

export class FactBoard {
  readonly #options: FactBoardOptions;
  readonly #answers = new Map<FactName, Answer>();

  constructor(options: FactBoardOptions) {
    this.#options = options;
  }

  async read(names: readonly FactName[]): Promise<Facts> {
    const entries = names.map(async (name) => [name, await this.#answer(name).value] as const);
    return Object.fromEntries(await Promise.all(entries)) as Facts;
  }

  #answer(name: FactName): Answer {
    const { maxAgeMs } = this.#options;
    const before = this.#answers.get(name);
    if (before !== undefined && (before.pending || steadyClock.nowMs() - before.askedAtMs < maxAgeMs)) return before;
    const answer = this.#ask(name);
    this.#answers.set(name, answer);
    return answer;
  }

  #ask(name: FactName): Answer {
    const { sources, logger, timeoutMs } = this.#options;
    const asked = sources[name]();
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    const value = Promise.race<unknown>([asked, overdue]).catch((error: unknown) => {
      logger.warn({ fact: name, error: describeError(error) }, 'commands.fact.unknown');
      return undefined;
    });
    const answer: Answer = { value, askedAtMs: steadyClock.nowMs(), pending: true };
    const settled = (): void => {
      clearTimeout(timer);
      answer.pending = false;
    };
    asked.then(settled, settled);
    return answer;
  }
}
