// An audit in memory that has read all there is, and a world of gateways whose truth is known, which its gaps are compared with.
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { CLOSED_BY_SUCCESSOR, OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { judgeLedgers } from './judge-ledgers.ts';
import { SourceLedger } from './source-ledger.ts';
import type { Finding } from './verdict.ts';

const TOPIC = 't';
const OF = { source: 's', stream: 'a', streamEpoch: 'e' };
const LONG_AFTER_MS = 600_000;

export type Said = Partial<Parameters<GatewayLedger['checkpoint']>[0]>;

/** The last word of an epoch, by the next process. */
export const byNext: Said = { kind: 'closed', reason: CLOSED_BY_SUCCESSOR };

/** Both ledgers, as an audit has them that has read all there is. */
export class Audit {
  readonly gateway = new GatewayLedger();
  readonly sources = new SourceLedger();
  readonly positions = new Map<string, bigint>();

  frame(gatewayEpoch: string, ingestSeq: number, seq: number, receivedAtMs: number, partition = 0): this {
    const offset = this.positions.get(`${TOPIC}-${partition}`) ?? 0n;
    const at = { topic: TOPIC, partition, offset };
    this.gateway.observe(gatewayEpoch, ingestSeq, receivedAtMs, at);
    this.sources.observe({ ...OF, seq, gatewayEpoch, receivedAtMs }, at);
    this.positions.set(`${TOPIC}-${partition}`, offset + 1n);
    return this;
  }

  said(gatewayEpoch: string, at: number, more: Said): this {
    const about = { gatewayEpoch, instance: gatewayEpoch, inFlightMax: 8, at };
    this.gateway.checkpoint({ ...BLANK_CHECKPOINT, kind: 'progress', ...about, ...more });
    return this;
  }

  judge(asOfMs = LONG_AFTER_MS) {
    const { gateway, sources } = judgeLedgers(this, new Map(), asOfMs, asOfMs);
    return { gaps: numbersOf(sources.findings, 'source-gap'), unknown: numbersOf(gateway.findings, 'tail-unknown') };
  }
}

function numbersOf(findings: readonly Finding[], kind: Finding['kind']): readonly number[] {
  return findings
    .filter((one) => one.kind === kind)
    .flatMap(({ from = 0, to = 0 }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

interface Frame {
  readonly epoch: Gateway;
  readonly ingestSeq: number;
  readonly seq: number;
  readonly partition: number;
  readonly atMs: number;
}

interface Gateway {
  readonly name: string;
  readonly settled: Set<number>;
  readonly ends: Map<number, number>;
  received: number;
  inFlight: Frame[];
  /** All that its spool ever had. */
  readonly spooled: Set<number>;
}

/**
 * A source that sends again in order what is not settled, and gateways that spool, are killed, or lose it to another one, at any moment; the
 * next one may close what is left of one, whenever.
 */
export class World {
  readonly audit = new Audit();
  readonly lost = new Set<number>();
  readonly logged = new Set<number>();
  nowMs = 0;
  #next = 1;
  #unsettled = new Set<number>();
  #toSend: number[] = [];
  #gateways: Gateway[] = [];
  #dead: Gateway[] = [];

  constructor() {
    this.open();
  }

  /** The source turns to another gateway. */
  open(): void {
    const name = `g${this.#gateways.length}-${this.nowMs}`;
    const nothing = { settled: new Set<number>(), ends: new Map<number, number>(), spooled: new Set<number>() };
    this.#gateways.push({ name, ...nothing, received: 0, inFlight: [] });
    this.audit.said(name, this.nowMs, { kind: 'opened' });
    this.#toSend = [...this.#unsettled].sort((a, b) => a - b);
  }

  kill(): void {
    this.#dead.push(...this.#gateways.splice(-1));
    this.open();
  }

  /** What waits for a partition is on the disk of the gateway: the log is told so, and then the source that it is safe. */
  spool(partition: number): void {
    const gateway = this.#gateways.at(-1) as Gateway;
    // Whose numbers one has that has nothing on the log nobody knows.
    if (gateway.ends.size === 0) return;
    const waiting = gateway.inFlight.filter((one) => one.partition === partition);
    for (const { ingestSeq } of waiting) gateway.spooled.add(ingestSeq);
    this.speak();
    for (const { seq } of waiting) this.#safe(seq);
  }

  /** The next process appends what the spool of a dead gateway has, and says its last word. */
  close(): void {
    const dead = this.#dead.shift();
    if (dead === undefined) return;
    const { name, spooled, inFlight, settled } = dead;
    for (const { ingestSeq, seq, atMs, partition } of inFlight.filter((one) => spooled.has(one.ingestSeq))) {
      this.audit.frame(name, ingestSeq, seq, atMs, partition);
      this.logged.add(seq);
    }
    const ends = [0, 1, 2].map((partition) => ({
      topic: TOPIC,
      partition,
      offset: Number(this.audit.positions.get(`${TOPIC}-${partition}`) ?? 0n),
    }));
    const settledUpTo = firstUpTo(settled);
    if (spooled.size === 0) {
      const all = [{ from: settledUpTo + 1, to: OPEN_END, reason: 'unacknowledged' }];
      const known = { settledUpTo, received: settledUpTo, ends };
      this.audit.said(name, this.nowMs, { ...byNext, ...known, settledElsewhere: all });
      return;
    }
    const upTo = Math.max(settledUpTo, ...spooled);
    const settledElsewhere: { from: number; to: number; reason: string }[] = [];
    for (let number = settledUpTo + 1; number <= upTo; number += 1)
      if (!spooled.has(number)) settledElsewhere.push({ from: number, to: number, reason: 'unacknowledged' });
    this.audit.said(name, this.nowMs, { reason: CLOSED_BY_SUCCESSOR, received: upTo, ends });
    this.audit.said(name, this.nowMs, { ...byNext, settledUpTo: upTo, received: OPEN_END, ends, settledElsewhere });
  }

  send(partition: number): void {
    const gateway = this.#gateways.at(-1) as Gateway;
    const seq = this.#toSend.shift() ?? this.#next++;
    gateway.received += 1;
    gateway.inFlight.push({ epoch: gateway, ingestSeq: gateway.received, seq, partition, atMs: this.nowMs });
    this.#unsettled.add(seq);
  }

  /** What waits for a partition comes onto the log, at the newest gateway or at the one before. */
  append(partition: number, isAcknowledged: boolean, back: number): void {
    const gateway = this.#gateways.at(-1 - back);
    if (gateway === undefined) return;
    for (const { ingestSeq, seq, atMs } of gateway.inFlight.filter((one) => one.partition === partition)) {
      this.audit.frame(gateway.name, ingestSeq, seq, atMs, partition);
      this.logged.add(seq);
      if (!isAcknowledged) continue;
      gateway.settled.add(ingestSeq);
      gateway.ends.set(partition, Number(this.audit.positions.get(`${TOPIC}-${partition}`)));
      gateway.inFlight = gateway.inFlight.filter((one) => one.ingestSeq !== ingestSeq);
      this.#safe(seq);
    }
  }

  #safe(seq: number): void {
    this.#unsettled.delete(seq);
    this.#toSend = this.#toSend.filter((one) => one !== seq);
  }

  speak(): void {
    for (const { name, settled, received, ends, spooled } of this.#gateways) {
      const settledUpTo = firstUpTo(settled);
      const waiting = [...spooled].filter((one) => !settled.has(one));
      const spool = waiting.length === 0 ? {} : { spoolFrom: Math.min(...waiting), spoolTo: Math.max(...waiting) };
      const all = [...ends].map(([partition, offset]) => ({ topic: TOPIC, partition, offset }));
      this.audit.said(name, this.nowMs, { settledUpTo, received, ends: all, ...spool });
    }
  }

  /** The source forgets what it has not sent again yet. */
  lose(): void {
    const [seq] = this.#toSend.splice(0, 1);
    if (seq === undefined) return;
    this.#unsettled.delete(seq);
    this.lost.add(seq);
  }
}

function firstUpTo(settled: ReadonlySet<number>): number {
  let upTo = 0;
  while (settled.has(upTo + 1)) upTo += 1;
  return upTo;
}
