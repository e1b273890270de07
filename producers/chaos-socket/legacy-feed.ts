// One connection of a source that does not count: frames go out as they are, nothing is kept, and what the connection has
// not delivered when it ends is gone, as with the original.
import type { Clock } from '../../service/clock.ts';
import type { LinkAction } from './delivery.ts';
import type { Struck } from './fault-desk.ts';
import type { Feed, OfferedAs } from './feed.ts';
import type { Ledger } from './ledger.ts';
import type { Link } from './link.ts';
import type { ChaosMetrics } from './metrics.ts';
import { withhold } from './withheld.ts';

export interface LegacyFeedOptions {
  readonly link: Link;
  readonly stream: number;
  readonly ledger: Pick<Ledger, 'note'>;
  readonly metrics: Pick<ChaosMetrics, 'countWithheld'>;
  readonly clock: Clock;
  /** Shuts the door of this source. */
  readonly refuse: (source: string, forMs: number) => void;
}

export class LegacyFeed implements Feed {
  readonly name: string;
  readonly source: string;
  readonly stream: number;
  readonly isNumbered = false;
  readonly link: Link;
  readonly #options: LegacyFeedOptions;
  #tail: { left: number; readonly firing: number | undefined } | undefined;

  constructor(options: LegacyFeedOptions) {
    this.#options = options;
    this.link = options.link;
    this.stream = options.stream;
    this.name = options.link.connection.id;
    this.source = options.link.connection.source;
  }

  offer({ deliveries, actions, firing }: Struck, { origin, dueAtMs }: OfferedAs): void {
    for (const delivery of deliveries) {
      const tail = this.#tail;
      if (!delivery.isSent || tail !== undefined) {
        const by = { source: this.source, firing: tail?.firing ?? firing, recoverable: false };
        withhold(delivery, by, this.#options);
      } else this.link.put({ ...delivery, origin, dueAtMs, firing }, delivery.release);
      if (tail === undefined || --tail.left > 0) continue;
      this.#tail = undefined;
      this.link.act({ do: 'reset' });
    }
    for (const action of actions) this.#act(action, firing);
  }

  #act(action: LinkAction, firing: number | undefined): void {
    switch (action.do) {
      case 'drop-tail':
        this.#tail = { left: action.frames, firing };
        return;
      case 'refuse':
        this.#options.refuse(this.source, action.forMs);
        return;
      case 'hold':
      case 'go-dark':
      case 'stop-reading':
      case 'trickle':
      case 'reset':
      case 'close':
        this.link.act(action);
        return;
      // Only a source that counts can do these; the fault plan does not let them strike here.
      case 'new-epoch':
      case 'step-back':
      case 'lose-acks':
      case 'doubt-acks':
      case 'reset-at-ack':
        return;
    }
  }
}
