// Answers that this process has decided on and not posted yet: the ledger does not know of them, and a batch of another partition that is
// judged meanwhile has to. It promises that a batch is judged in sight of every answer that was judged before it in this process, each
// counted once. Other processes post on their own, and what two of them judge at the same moment they do not see of each other.
import type { Answered } from './rules.ts';

export class InHand {
  readonly #answers = new Map<string, Answered>();
  #turn: Promise<unknown> = Promise.resolve();

  get answers(): readonly Answered[] {
    return [...this.#answers.values()];
  }

  /** One after the other: between the look at the ledger and the judgement nothing comes in or goes out. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return await done;
  }

  add(answers: readonly Answered[]): void {
    for (const answer of answers) this.#answers.set(answer.eventKey, answer);
  }

  /** They are on the ledger, or will not be. Whoever looked at the ledger before has judged by then. */
  remove(answers: readonly Answered[]): void {
    void this.inTurn(() => {
      // Not those of a batch that has come again since.
      for (const answer of answers) {
        if (this.#answers.get(answer.eventKey) === answer) this.#answers.delete(answer.eventKey);
      }
      return Promise.resolve();
    });
  }
}
