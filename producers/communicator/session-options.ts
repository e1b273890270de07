// What a session is made of: what all of this process share, and what is its own.
import type { Clock } from '../../service/clock.ts';
import type { Logger } from '../../service/logger.ts';
import type { Admit } from './admission.ts';
import type { Downward } from './downward.ts';
import type { Ingest } from './ingest.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import type { Streams } from './streams.ts';
import type { TokenBucket } from './token-bucket.ts';
import type { Wire } from './wire.ts';

export interface SessionDeps {
  readonly gatewayEpoch: string;
  readonly ingest: Ingest;
  readonly streams: Streams;
  readonly downward: Downward;
  /** What all peers with a rate may send together. */
  readonly usersRate?: TokenBucket | undefined;
  /** Whether a peer is to hear at its welcome that acknowledgements will be late. */
  readonly isLogAway: () => boolean;
  /** For what is told. */
  readonly clock: Clock;
  /** For intervals, as that of whoever calls `tick`. */
  readonly steady: Clock;
  /** Milliseconds between two acknowledgements of a stream. */
  readonly ackPaceMs: number;
  readonly logger: Logger;
  readonly metrics: CommunicatorMetrics;
  readonly onStream: (kind: 'opened' | 'closed', source: string, stream: string, epoch: string) => void;
}

export interface SessionOptions {
  readonly deps: SessionDeps;
  readonly wire: Wire;
  readonly connection: string;
  readonly admit: Admit;
}
