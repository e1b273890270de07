// What a source that counts does with replies: each is in the ledger when it comes, when it is acknowledged by its id, and when the peer
// has said with a pong that the log has that. While the ledger has no room nothing is acknowledged, and what does not fit here
// meanwhile ends the connection and comes again.
import type { Clock } from '../../service/clock.ts';
import { handled, type ReceivedControl } from './control-frames.ts';
import type { Ledger } from './ledger.ts';
import type { Link } from './link.ts';
import { type LogPosition, ReplyInbox } from './reply-inbox.ts';

type Delivered = Extract<ReceivedControl, { op: 'deliver' }>;

interface RepliesOptions {
  readonly source: string;
  readonly ledger: Pick<Ledger, 'note'>;
  readonly clock: Clock;
}

const KEPT_MAX = 1_024;
const TOO_MANY_CODE = 1_011;

export class Replies {
  readonly #options: RepliesOptions;
  readonly #inbox = new ReplyInbox(KEPT_MAX);

  constructor({ source, ledger, clock }: RepliesOptions) {
    this.#options = { source, ledger, clock };
  }

  /** For the next hello. */
  get position(): LogPosition | undefined {
    return this.#inbox.position;
  }

  /** Acknowledgements of which nobody knows that they have arrived. */
  get open(): number {
    return this.#inbox.open;
  }

  connected(): void {
    this.#inbox.connected();
  }

  goOnAt(position: LogPosition | undefined): void {
    if (position !== undefined) this.#inbox.goesOnAt(position);
  }

  delivered({ event, log_epoch, pos }: Delivered, link: Link): void {
    const { source, ledger, clock } = this.#options;
    // Behind one that had no room nothing is taken: the position would pass over it.
    if (!link.isOpen) return;
    if (!this.#inbox.take(event.id, { log_epoch, pos })) return link.act({ do: 'close', code: TOO_MANY_CODE });
    if (event.id === undefined) return;
    ledger.note({ line: 'reply', source, connectionId: link.connection.id, id: event.id }, clock.nowMs());
  }

  heard(batch: unknown, link: Link): void {
    const { source, ledger, clock } = this.#options;
    if (!this.#inbox.heard(batch)) return;
    ledger.note({ line: 'heard', source, connectionId: link.connection.id, batch }, clock.nowMs());
  }

  acknowledge(link: Link): void {
    const { source, ledger, clock } = this.#options;
    const saying = this.#inbox.next();
    if (saying === undefined) return;
    const { batch } = saying;
    const ids = [...saying.ids];
    const connectionId = link.connection.id;
    if (ids.length > 0) ledger.note({ line: 'handled', source, connectionId, ids, batch }, clock.nowMs());
    for (const frame of handled(saying)) link.control(frame);
  }
}
