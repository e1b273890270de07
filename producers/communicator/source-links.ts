// The sources that are dialled from here, each by its link; which ones, the consumer group says (source-ownership.ts).
import { backoffMs, pause } from '../../service/backoff.ts';
import type { Clock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import type { Granted } from './admission.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Downward } from './downward.ts';
import { LegacyPeer } from './legacy-peer.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import { PacedReading } from './paced-reading.ts';
import type { SavedPositions } from './saved-positions.ts';
import { Session } from './session.ts';
import type { SessionDeps } from './session-options.ts';
import { type LinkState, type Peer, type PeerKind, SourceLink } from './source-link.ts';
import type { Source } from './sources.ts';
import type { Spool } from './spool/spool.ts';
import type { PauseReason, Wire } from './wire.ts';

export interface SourceLinksOptions {
  readonly sources: ReadonlyMap<string, Source>;
  readonly session: SessionDeps;
  readonly spool: Pick<Spool, 'add'>;
  readonly downward: Pick<Downward, 'expect' | 'attach' | 'begin' | 'detach'>;
  readonly saved: Pick<SavedPositions, 'save' | 'forget'>;
  readonly checkpoints: Pick<Checkpoints, 'source'>;
  /** Frames a second that are read of a source; above it the source is paused. */
  readonly rate: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: CommunicatorMetrics;
}

export interface SourceFact {
  readonly name: string;
  readonly state: LinkState | 'elsewhere';
  readonly lastError?: string | undefined;
}

const POSITION_BACKOFF = { initialMs: 250, maxMs: 5_000 };

export class SourceLinks {
  readonly #options: SourceLinksOptions;
  readonly #links = new Map<string, SourceLink>();
  readonly #paused = new Set<PauseReason>();
  readonly #leaving = new Set<Promise<void>>();
  #isAssigned = false;
  #isStopping = false;

  constructor(options: SourceLinksOptions) {
    this.#options = options;
    // Where no source was ever reached, a sum would be of nothing, and an alert about it silent.
    options.metrics.connections.set({ side: 'dialled' }, 0);
  }

  /** Links that are open. */
  get open(): number {
    return [...this.#links.values()].filter(({ state }) => state === 'open').length;
  }

  /** Of each source in the list. Whether another communicator, to which one was given, has it in its list, nobody here knows. */
  facts(): readonly SourceFact[] {
    const here = [...this.#links.values()].map(({ name, state, lastError }) => ({ name, state, lastError }));
    if (!this.#isAssigned) return here;
    const elsewhere = [...this.#options.sources.keys()].filter((name) => !this.#links.has(name));
    return [...here, ...elsewhere.map((name) => ({ name, state: 'elsewhere' as const }))];
  }

  /** What is not ours by now was given to another. */
  assigned(): void {
    this.#isAssigned = true;
  }

  take(name: string): void {
    const source = this.#options.sources.get(name);
    if (source === undefined || this.#links.has(name) || this.#isStopping) return;
    const link = this.#add(source);
    void this.#expected(link).then((isHere) => isHere && link.start());
  }

  /**
   * The log has never answered, so nobody says whose these are: what they say is for the disk. Those that can send it again are
   * not dialled. Returns the names of those that are.
   */
  hold(names: readonly string[]): readonly string[] {
    if (this.#isStopping) return [];
    const held = names
      .flatMap((name) => this.#options.sources.get(name) ?? [])
      .filter((one) => one.protocol !== 'pmc.v1');
    for (const source of held) this.#add(source).start();
    return held.map(({ name }) => name);
  }

  /** Before any frame of these goes on its way. */
  async expected(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => this.#expected(link)));
  }

  #add(source: Source): SourceLink {
    const link = this.#link(source);
    this.#links.set(source.name, link);
    for (const reason of this.#paused) link.pause(reason);
    return link;
  }

  /** Its position is kept, without which a reply to its first frame would be nobody's after a kill. False when it has gone. */
  async #expected(link: SourceLink): Promise<boolean> {
    const { downward, logger } = this.#options;
    const { name } = link;
    const isHere = (): boolean => this.#links.get(name) === link && !this.#isStopping;
    for (let attempt = 1; isHere(); attempt += 1) {
      try {
        await downward.expect(name);
        return isHere();
      } catch (error) {
        logger.warn({ source: name, attempt, error: describeError(error) }, 'communicator.position.not-saved');
        await pause(backoffMs(attempt, POSITION_BACKOFF));
      }
    }
    return false;
  }

  letGo(name: string): void {
    const link = this.#links.get(name);
    if (link === undefined) return;
    this.#links.delete(name);
    this.#options.logger.info({ source: name }, 'communicator.source.let-go');
    const { saved } = this.#options;
    const leaving = link
      .stop()
      .then(() => saved.save())
      .then(() => saved.forget(name))
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  pause(reason: PauseReason): void {
    this.#paused.add(reason);
    for (const link of this.#links.values()) link.pause(reason);
  }

  resume(reason: PauseReason): void {
    this.#paused.delete(reason);
    for (const link of this.#links.values()) link.resume(reason);
  }

  tick(nowMs: number): void {
    for (const link of this.#links.values()) link.tick(nowMs);
  }

  logUnavailable(retryMs: number): void {
    for (const { peer } of this.#links.values()) if (peer instanceof Session) peer.logUnavailable(retryMs);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...[...this.#links.values()].map((link) => link.stop()), ...this.#leaving]);
  }

  #link(source: Source): SourceLink {
    const { logger, clock, metrics, checkpoints } = this.#options;
    const { name } = source;
    return new SourceLink({
      source,
      logger,
      clock,
      peer: (kind, wire, connection) => this.#peer(source, kind, wire, connection),
      onOpen: () => {
        metrics.connections.inc({ side: 'dialled' });
        checkpoints.source('opened', name, null);
      },
      onClose: (_connection, code, reason) => {
        metrics.connections.dec({ side: 'dialled' });
        metrics.connectionsLost.inc({ side: 'dialled', code: String(code) });
        checkpoints.source('closed', name, `${code}${reason === '' ? '' : ` ${reason}`}`);
      },
    });
  }

  #peer({ name }: Source, kind: PeerKind, wire: Wire, connection: string): Peer {
    const { session, spool, downward, metrics, logger, clock, rate } = this.#options;
    logger.info({ source: name, connection, kind }, 'communicator.source.speaks');
    if (kind === 'legacy') {
      const reading = PacedReading.of(wire, rate, clock);
      return new LegacyPeer({ wire, reading, from: { source: name, connection }, spool, downward, metrics, logger });
    }
    const granted: Granted = { ok: true, source: name, isDialled: true, rate: null, burst: null, pausedAt: rate };
    return new Session({ deps: session, wire, connection, admit: () => granted });
  }
}
