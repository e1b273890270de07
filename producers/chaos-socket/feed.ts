// Where the events of a plan go: to one connection, or to a source that counts and outlives its connections.

import type { Struck } from './fault-desk.ts';
import type { SentFrame } from './ledger.ts';

export interface OfferedAs {
  readonly origin: SentFrame['origin'];
  readonly dueAtMs: number;
}

export interface Feed {
  /** Unique among the feeds of this process. */
  readonly name: string;
  /** The path of its source. */
  readonly source: string;
  /** Which of the seed's plans it follows. */
  readonly stream: number;
  readonly isNumbered: boolean;
  /** What happens with an event; faults have had their say. */
  offer(struck: Struck, as: OfferedAs): void;
}
