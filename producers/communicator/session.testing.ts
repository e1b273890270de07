// Sessions over scripted sockets and a scripted log: a test plays the peer and the broker, everything between is real. The test
// file mocks the registry's client.
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type WebSocket from 'ws';
import { Accumulator } from '../../kafka/accumulator.ts';
import { Codec } from '../../kafka/codec.ts';
import { type Append, type Fate, ScriptedAppender } from '../../kafka/scripted-appender.testing.ts';
import { type GatewayFrame, readGatewayFrame } from '../../schemas/protocol/frames.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Admission, Granted } from './admission.ts';
import { Downward, type DownwardOptions } from './downward.ts';
import { Ingest } from './ingest.ts';
import { communicatorMetrics } from './metrics.ts';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Session } from './session.ts';
import type { SessionDeps } from './session-options.ts';
import { type GapEvent, type StreamPosition, Streams } from './streams.ts';
import type { TokenBucket } from './token-bucket.ts';
import { Wire } from './wire.ts';

const PARTITIONS = 3;
export const STARTED_MS = 1_700_000_000_000;
export const LOG_EPOCH = 'cluster.topic';
export const GRANTED: Granted = { ok: true, source: 'user:ana', isDialled: false, rate: null, burst: null };

type Frame<Op> = Extract<GatewayFrame, { op: Op }>;

export class Peer {
  readonly socket = new ScriptedSocket();
  readonly wire: Wire;
  readonly session: Session;
  readonly #steady: { readonly nowMs: () => number };
  #read = 0;

  constructor(deps: SessionDeps, connection: string, admission: Admission) {
    this.#steady = deps.steady;
    this.socket.open();
    this.wire = new Wire(this.socket as unknown as WebSocket, deps.steady.nowMs(), deps.steady);
    this.session = new Session({ deps, wire: this.wire, connection, admit: () => admission });
    this.socket.on('close', () => this.session.closed());
  }

  say(...frames: readonly (object | string)[]): void {
    for (const frame of frames) this.saysBytes(Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame)));
  }

  saysBytes(bytes: Buffer, isBinary = false): void {
    this.session.receive({ bytes, isBinary });
  }

  hello(more: object = {}): void {
    this.say({ op: 'hello', v: 1, stream: 's', epoch: 'E1', ...more });
  }

  event(seq: number | undefined, more: object = {}): object {
    const about = { event: 'message', id: `m${seq}`, chat: 'c', sender: 'ana', content: `text ${seq}` };
    return { ...about, ...(seq === undefined ? {} : { seq }), ...more };
  }

  sends(...seqs: readonly number[]): void {
    for (const seq of seqs) this.say(this.event(seq));
  }

  /** What came since the last time; each has the shape that the protocol gives it. */
  heard(): readonly GatewayFrame[] {
    const fresh = this.socket.sent.slice(this.#read);
    this.#read = this.socket.sent.length;
    return fresh.map((text) => {
      const read = readGatewayFrame(JSON.parse(text));
      if (!read.ok) throw new Error(`${read.reason} in ${text}`);
      return read.frame;
    });
  }

  heardOf<Op extends GatewayFrame['op']>(op: Op): readonly Frame<Op>[] {
    return this.heard().filter((frame): frame is Frame<Op> => frame.op === op);
  }

  /** The code that it was closed with by us, undefined while it is not. */
  get closedWith(): number | undefined {
    return this.socket.closes[0]?.[0];
  }

  tick(): void {
    this.session.tick(this.#steady.nowMs());
  }
}

export interface RigOptions {
  readonly fateOf?: (append: Append, call: number) => Fate;
  readonly stored?: StreamPosition;
  readonly find?: () => Promise<StreamPosition | undefined>;
  readonly downward?: Partial<DownwardOptions>;
  readonly inFlightMax?: number;
  readonly usersRate?: TokenBucket;
  /** False: the log has not answered yet. */
  readonly isLogKnown?: boolean;
}

/** Of the outgoing topic's only partition. */
export const ENDS = { logStart: 0n, lastStable: 5n, highWatermark: 5n };

export class Rig {
  readonly appender: ScriptedAppender;
  readonly accumulator: Accumulator;
  readonly ingest: Ingest;
  readonly streams: Streams;
  readonly downward: Downward;
  readonly gaps: GapEvent[] = [];
  /** When the log has them. */
  toldGaps: Promise<void> = Promise.resolve();
  readonly saved: StreamPosition[] = [];
  /** Epochs as they are told: `opened E1`. */
  readonly epochs: string[] = [];
  readonly codec: Codec;
  readonly metrics = communicatorMetrics(new Registry());
  nowMs = STARTED_MS;
  /** So much the wall clock was moved by. */
  movedMs = 0;
  isLogAway = false;
  readonly deps: SessionDeps;
  #connections = 0;

  static async open(options: RigOptions = {}): Promise<Rig> {
    const codec = new Codec('http://registry');
    await codec.prepare([TOPIC.incoming, TOPIC.rejected, TOPIC.outgoing]);
    return new Rig(codec, options);
  }

  private constructor(
    codec: Codec,
    { fateOf, stored, find, downward, usersRate, inFlightMax = 100_000, isLogKnown = true }: RigOptions,
  ) {
    const logger = pino({ level: 'silent' });
    const { metrics } = this;
    const steady = { nowMs: () => this.nowMs };
    const clock = { nowMs: () => this.nowMs + this.movedMs };
    const gatewayEpoch = '01JDBBBBBBBBBBBBBBBBBBBBBB';
    this.codec = codec;
    this.appender = new ScriptedAppender(fateOf);
    this.accumulator = new Accumulator({
      appender: this.appender,
      logger,
      batchRecordsMax: 500,
      batchBytesMax: 500_000,
      bytesMax: 100_000_000,
      recordBytesMax: 1_000_000,
    });
    this.ingest = new Ingest({
      gatewayEpoch,
      inFlightMax,
      accumulator: this.accumulator,
      codec,
      partitions: new Map([TOPIC.incoming, TOPIC.rejected].map((topic) => [topic, PARTITIONS])),
      clock,
      logger,
      metrics,
      pausePeers: () => undefined,
      resumePeers: () => undefined,
    });
    this.streams = new Streams({
      clock: steady,
      positions: {
        find: find ?? (() => Promise.resolve(stored)),
        save: (positions) => void this.saved.push(...positions),
      },
      onGap: (gap) => {
        this.gaps.push(gap);
        return this.toldGaps;
      },
    });
    this.downward = new Downward({
      range: { read: async function* () {}, stop: () => Promise.resolve() },
      codec,
      saved: { load: () => Promise.resolve(undefined), moved: () => undefined } as unknown as DownwardOptions['saved'],
      ends: () => Promise.resolve(new Map([[0, ENDS]])),
      logger,
      metrics,
      ...downward,
    });
    if (isLogKnown) this.downward.open({ logEpoch: LOG_EPOCH, start: new Map([[0, 5n]]) });
    const { ingest, streams } = this;
    const onStream: SessionDeps['onStream'] = (kind, _source, _stream, epoch) =>
      void this.epochs.push(`${kind} ${epoch}`);
    const isLogAway = (): boolean => this.isLogAway;
    const own = { gatewayEpoch, ingest, streams, downward: this.downward, usersRate, clock, steady };
    this.deps = { ...own, ackPaceMs: 0, logger, metrics, isLogAway, onStream };
  }

  connect(admission: Admission = GRANTED): Peer {
    this.#connections += 1;
    return new Peer(this.deps, `connection ${this.#connections}`, admission);
  }

  /** One that has been welcomed, with nothing heard yet. */
  async welcomed(more: object = {}, admission: Admission = GRANTED): Promise<Peer> {
    const peer = this.connect(admission);
    peer.hello(more);
    await this.turns();
    peer.heard();
    return peer;
  }

  /** The event loop turns until nobody has anything to do without the log. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** The log has answered for all that was taken, and peers have been told. */
  async settled(): Promise<void> {
    await this.accumulator.flush();
    await this.turns();
  }

  /** Time goes by, and everybody is told. */
  pass(ms: number, ...peers: readonly Peer[]): void {
    for (let gone = 0; gone < ms; gone += 1_000) {
      this.nowMs += 1_000;
      for (const peer of peers) peer.tick();
      this.streams.tick();
    }
  }

  incoming(): number {
    return this.appender.topic(TOPIC.incoming).length;
  }

  /** The codes of what is on the topic of rejected frames. */
  async rejected(): Promise<readonly number[]> {
    const decoded = await Promise.all(
      this.appender.topic(TOPIC.rejected).map(({ value }) => this.codec.decode(TOPIC.rejected, value)),
    );
    return decoded.map((one) => (one.ok ? one.value.code : -1));
  }

  /** How many frames went to no topic, by reason. */
  elsewhere(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { from, to, reason } of this.ingest.settlement.takeElsewhere()) {
      counts[reason] = (counts[reason] ?? 0) + to - from + 1;
    }
    return counts;
  }
}
