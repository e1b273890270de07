// The replies as they came to a source, and those that came again. Pure. A reply may come again over another connection, from the
// position that its peer resumed at, and until it is acknowledged. Over the connection on which it was acknowledged nothing
// calls for that: TCP has lost nothing there, and the gateway promises each once. Replies are few beside frames, so each is kept.
import type { Findings } from './findings.ts';
import type { LedgerLine } from './ledger-line.ts';

interface Arrival {
  /** The last one that it came over: a source listens to no older one. */
  readonly connection: string;
  /** Behind its first arrival there. */
  isAcknowledged: boolean;
}

interface Repetition {
  readonly source: string;
  readonly id: string;
  readonly connection: string;
}

export class ReplyArrivals {
  readonly #last = new Map<string, Arrival>();
  readonly #repeated: Repetition[] = [];
  #cameAgain = 0;

  add({ source, id, connectionId: connection }: Extract<LedgerLine, { line: 'reply' }>): void {
    const key = replyKey(source, id);
    const known = this.#last.get(key);
    if (known !== undefined) this.#cameAgain += 1;
    if (known?.connection !== connection) this.#last.set(key, { connection, isAcknowledged: false });
    else if (known.isAcknowledged) this.#repeated.push({ source, id, connection });
  }

  acknowledged({ source, ids, batch, connectionId }: Extract<LedgerLine, { line: 'handled' }>): void {
    // Of an older ledger, in which a repetition was no finding and is none now.
    if (batch === undefined) return;
    for (const id of ids) {
      const arrival = this.#last.get(replyKey(source, id));
      if (arrival?.connection === connectionId) arrival.isAcknowledged = true;
    }
  }

  get received(): number {
    return this.#last.size;
  }

  /** How often one came that had come before, whether or not it may. */
  get cameAgain(): number {
    return this.#cameAgain;
  }

  judge(findings: Findings): void {
    for (const { source, id, connection } of this.#repeated) {
      const detail = `a reply that was acknowledged on ${connection} came over it once more`;
      findings.add('repeated', undefined, () => ({ source, id, sha256: '', detail }));
    }
  }
}

export function replyKey(source: string, id: string): string {
  return JSON.stringify([source, id]);
}
