// The replies that a source has acknowledged, beside the `delivered` events that the gateway writes for them. Pure. Replies are few
// beside frames, so each is kept as it is.
import { createHash } from 'node:crypto';
import { deliveredEvent } from '../../../schemas/protocol/delivered-event.ts';
import type { ExportedRow } from './exported-row.ts';
import type { Findings } from './findings.ts';
import type { LedgerLine } from './ledger-line.ts';
import { replyKey } from './reply-arrivals.ts';

interface Handled {
  readonly source: string;
  readonly id: string;
  /** Each time that it was said: on which connection, as which one there. */
  readonly sayings: { readonly connection: string; readonly n: number }[];
  /** The pong behind one of them was heard, with which the peer has said that the log has the evidence. */
  isHeard: boolean;
}

interface Batch {
  readonly connection: string;
  readonly batch: number | undefined;
  readonly replies: readonly Handled[];
}

export class HandledReplies {
  readonly #all = new Map<string, Handled>();
  readonly #said = new Map<string, number>();
  /** The last one of each source: it says the next only when it has heard of this one, or over another connection. */
  readonly #batches = new Map<string, Batch>();

  add({ source, ids, batch, connectionId: connection }: Extract<LedgerLine, { line: 'handled' }>): void {
    const replies = ids.map((id) => {
      const n = (this.#said.get(connection) ?? 0) + 1;
      this.#said.set(connection, n);
      const reply = this.#reply(source, id);
      reply.sayings.push({ connection, n });
      return reply;
    });
    this.#batches.set(source, { connection, batch, replies });
  }

  heard({ source, batch, connectionId }: Extract<LedgerLine, { line: 'heard' }>): void {
    const last = this.#batches.get(source);
    if (last?.batch !== batch || last.connection !== connectionId) return;
    for (const reply of last.replies) reply.isHeard = true;
  }

  get all(): readonly Handled[] {
    return [...this.#all.values()];
  }

  /** Of how many the peer has said that it has the evidence. */
  get heardOf(): number {
    return this.all.filter(({ isHeard }) => isHeard).length;
  }

  has(source: string, id: string): boolean {
    return this.#all.has(replyKey(source, id));
  }

  #reply(source: string, id: string): Handled {
    const key = replyKey(source, id);
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    const fresh = { source, id, sayings: [], isHeard: false };
    this.#all.set(key, fresh);
    return fresh;
  }
}

/** Whether a row is the gateway's evidence of a reply that came to its source. */
export function isDelivered({ id, source, sha256, seq }: ExportedRow): boolean {
  if (id === undefined || seq !== undefined) return false;
  const text = JSON.stringify(deliveredEvent(id, source));
  return createHash('sha256').update(text).digest('hex') === sha256;
}

/** The rows of delivered events, of one comparison. */
export class DeliveredRows {
  readonly #replies: HandledReplies;
  readonly #found = new Set<string>();

  constructor(replies: HandledReplies) {
    this.#replies = replies;
  }

  get count(): number {
    return this.#found.size;
  }

  /** `path` is the source's. False for a reply that the source has not acknowledged. */
  add({ id = '', sha256, offset }: ExportedRow, path: string, findings: Findings): boolean {
    if (!this.#replies.has(path, id)) return false;
    if (this.#found.has(replyKey(path, id))) {
      const detail = `stored again at offset ${offset}`;
      findings.add('duplicated', undefined, () => ({ source: path, id, sha256, detail }));
    }
    this.#found.add(replyKey(path, id));
    return true;
  }

  /**
   * Acknowledged and without a row. As with frames, the end of a connection explains what was said on it behind the last that arrived;
   * of what was said on several nobody knows which one arrived. Nothing explains the loss of what the peer's pong has vouched for.
   */
  judge(hasEnded: (connection: string) => boolean, findings: Findings): void {
    const last = new Map<string, number>();
    const replies = this.#replies.all;
    const isThere = ({ source, id }: Handled): boolean => this.#found.has(replyKey(source, id));
    for (const reply of replies) {
      const [only, ...more] = reply.sayings;
      if (only === undefined || more.length > 0 || !isThere(reply)) continue;
      last.set(only.connection, Math.max(last.get(only.connection) ?? 0, only.n));
    }
    for (const reply of replies) {
      if (isThere(reply)) continue;
      const { source, id, sayings, isHeard } = reply;
      const isTail = sayings.every(({ connection, n }) => hasEnded(connection) && n > (last.get(connection) ?? 0));
      const where = sayings.map(({ connection }) => connection).join(', ');
      const pong = isHeard ? ' and answered with a pong' : '';
      const detail = `a reply, acknowledged on ${where}${pong}, has no delivered event`;
      const explanation = isTail && !isHeard ? 'on its way when its connection ended' : undefined;
      findings.add('lost', explanation, () => ({ source, id, sha256: '', detail }));
    }
  }
}
