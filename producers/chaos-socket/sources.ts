// The simulated sources, one for each path that peers dial: which paths there are, which doors are shut, and which feed a
// connection belongs to. A source that has once spoken pmc.v1 counts its events from then on, with or without a peer.
import type { Clock } from '../../service/clock.ts';
import type { LegacyFeedOptions } from './legacy-feed.ts';
import { LegacyFeed } from './legacy-feed.ts';
import type { Link } from './link.ts';
import { NumberedFeed, type NumberedFeedOptions } from './numbered-feed.ts';
import { PlanNumbers, sourcePaths } from './source-paths.ts';

/** Paths that somebody makes up; each one that counts keeps a memory. */
const NUMBERED_MAX = 1_000;

interface SourcesOptions {
  /** How many paths there are; undefined where every path is a source. */
  readonly count: number | undefined;
  readonly clock: Clock;
  readonly numbered: Omit<NumberedFeedOptions, 'source' | 'stream' | 'streamName' | 'refuse' | 'clock'>;
  readonly legacy: Omit<LegacyFeedOptions, 'link' | 'stream' | 'refuse' | 'clock'>;
  readonly run: string;
}

export type Admission = 'admitted' | 'no-such-source' | 'refused';

export class Sources {
  readonly #options: SourcesOptions;
  readonly #numbered = new Map<string, NumberedFeed>();
  readonly #refusedUntilMs = new Map<string, number>();
  readonly #streams: PlanNumbers;
  readonly #openings: PlanNumbers;
  /** The paths there are; empty where every path is one. */
  readonly paths: readonly string[];

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.paths = sourcePaths(options.count);
    this.#streams = new PlanNumbers(options.count);
    this.#openings = new PlanNumbers(options.count);
  }

  get numbered(): readonly NumberedFeed[] {
    return [...this.#numbered.values()];
  }

  admit(path: string): Admission {
    const { count, clock } = this.#options;
    if (count !== undefined && !this.paths.includes(path)) return 'no-such-source';
    const untilMs = this.#refusedUntilMs.get(path);
    if (untilMs === undefined) return 'admitted';
    if (clock.nowMs() < untilMs) return 'refused';
    this.#refusedUntilMs.delete(path);
    return 'admitted';
  }

  /** Which opening of a connection it is, for the faults that strike there; from 1. */
  opening(path: string): number {
    return this.#openings.next(path) + 1;
  }

  /** Undefined where too many paths count already. */
  numberedFeed(path: string): NumberedFeed | undefined {
    const known = this.#numbered.get(path);
    if (known !== undefined || this.#numbered.size >= NUMBERED_MAX) return known;
    const { numbered, clock, run } = this.#options;
    const feed = new NumberedFeed({
      ...numbered,
      clock,
      source: path,
      stream: this.#streams.next(path),
      streamName: `chaos-${run}${path}`,
      refuse: this.#refuse,
    });
    this.#numbered.set(path, feed);
    return feed;
  }

  legacyFeed(link: Link): LegacyFeed {
    const { legacy, clock } = this.#options;
    return new LegacyFeed({
      ...legacy,
      clock,
      link,
      stream: this.#streams.next(link.connection.source),
      refuse: this.#refuse,
    });
  }

  stop(): void {
    for (const feed of this.#numbered.values()) feed.stop();
  }

  readonly #refuse = (source: string, forMs: number): void => {
    this.#refusedUntilMs.set(source, this.#options.clock.nowMs() + forMs);
  };
}
