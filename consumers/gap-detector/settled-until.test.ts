import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { judgeLedgers } from './judge-ledgers.ts';
import { SourceLedger } from './source-ledger.ts';
import type { Finding } from './verdict.ts';

const TOPIC = 't';
const OF = { source: 's', stream: 'a', streamEpoch: 'e' };
const LONG_AFTER_MS = 600_000;

type Said = Partial<Parameters<GatewayLedger['checkpoint']>[0]>;

/** Both ledgers, as an audit has them that has read all there is. */
class Audit {
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

/** An epoch that had settled two frames and said so; of those behind, the third is on its way and the fourth on the log. */
function ended(): Audit {
  const audit = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 2, 1_500);
  return audit.said('old', 2_000, { settledUpTo: 2, received: 2 }).frame('old', 4, 4, 3_000, 1);
}

const unacknowledged = { from: 3, to: OPEN_END, reason: 'unacknowledged' };
const ENDS: readonly (readonly [string, Said | undefined])[] = [
  ['was killed', undefined],
  ['closed with it in flight', { kind: 'closed', settledUpTo: 2, received: 4 }],
  ['its successor closed', { kind: 'closed', settledUpTo: 2, received: 2, settledElsewhere: [unacknowledged] }],
  ['its successor closed without knowing its end', { kind: 'closed', settledUpTo: 2, received: OPEN_END }],
];

describe.each(ENDS)('a number in flight at a gateway that %s', (_how, said) => {
  const dead = (): Audit => (said === undefined ? ended() : ended().said('old', 4_000, said));

  test('is no gap while nobody has received what came after it', () => {
    expect(dead().judge().gaps).toEqual([]);
    expect(dead().said('new', 90_000, { kind: 'opened' }).judge(100_000).gaps).toEqual([]);
    // Nor when it comes again, or waits at the next one.
    const again = dead()
      .said('new', 90_000, { kind: 'opened' })
      .frame('new', 1, 3, 100_000)
      .frame('new', 2, 4, 100_001);
    expect(again.frame('new', 3, 5, 100_002).judge(200_000).gaps).toEqual([]);
    const waits = dead()
      .said('new', 90_000, { kind: 'opened' })
      .frame('new', 2, 4, 100_001)
      .frame('new', 3, 5, 100_002);
    expect(waits.said('new', 195_000, { received: 3 }).judge(200_000).gaps).toEqual([]);
  });

  test('is a gap when a later one has settled what came after it without it', () => {
    const on = dead().said('new', 90_000, { kind: 'opened' }).frame('new', 1, 5, 100_000);
    expect(on.judge(109_000).gaps).toEqual([]);
    on.said('new', 195_000, { settledUpTo: 1, received: 1 });
    expect(on.judge(200_000).gaps).toEqual([3]);
  });
});

test('what nobody can say of a killed gateway is unknown, and no gap besides', () => {
  expect(ended().judge()).toEqual({ gaps: [], unknown: [3, 4, 5, 6, 7, 8, 9, 10, 11] });
});

test('a number that a killed gateway had settled its successors without, or that one left nothing behind, is a gap at once', () => {
  const killed = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 3, 1_500);
  expect(killed.said('old', 9_000, { settledUpTo: 2, received: 2 }).judge().gaps).toEqual([2]);
  const closed = new Audit().said('old', 500, { kind: 'opened' }).frame('old', 1, 1, 1_000).frame('old', 2, 3, 1_500);
  expect(closed.said('old', 1_600, { kind: 'closed', settledUpTo: 2, received: 2 }).judge().gaps).toEqual([2]);
});

test('a number in the spool of a gateway that is away is no gap, whoever went on: its source was told that it is safe', () => {
  const audit = ended().said('old', 4_000, { settledUpTo: 2, received: 4, spoolFrom: 3, spoolTo: 4 });
  audit.said('new', 90_000, { kind: 'opened' }).frame('new', 1, 5, 100_000);
  audit.said('new', 590_000, { settledUpTo: 1, received: 1 });
  expect(audit.judge().gaps).toEqual([]);
  expect(audit.frame('old', 3, 3, 2_500).judge().gaps).toEqual([]);
});

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
}

/** A source that sends again in order what is not settled, and gateways that are killed, or lose it to another one, at any moment. */
class World {
  readonly audit = new Audit();
  readonly lost = new Set<number>();
  readonly logged = new Set<number>();
  nowMs = 0;
  #next = 1;
  #unsettled = new Set<number>();
  #toSend: number[] = [];
  #gateways: Gateway[] = [];

  constructor() {
    this.open();
  }

  /** The source turns to another gateway. */
  open(): void {
    const name = `g${this.#gateways.length}-${this.nowMs}`;
    this.#gateways.push({ name, settled: new Set(), ends: new Map(), received: 0, inFlight: [] });
    this.audit.said(name, this.nowMs, { kind: 'opened' });
    this.#toSend = [...this.#unsettled].sort((a, b) => a - b);
  }

  kill(): void {
    this.#gateways.pop();
    this.open();
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
      this.#unsettled.delete(seq);
      this.#toSend = this.#toSend.filter((one) => one !== seq);
    }
  }

  speak(): void {
    for (const { name, settled, received, ends } of this.#gateways) {
      let settledUpTo = 0;
      while (settled.has(settledUpTo + 1)) settledUpTo += 1;
      const all = [...ends].map(([partition, offset]) => ({ topic: TOPIC, partition, offset }));
      this.audit.said(name, this.nowMs, { settledUpTo, received, ends: all });
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

const STEP = fc.record({
  what: fc.constantFrom('send', 'send', 'send', 'append', 'append', 'speak', 'speak', 'kill', 'open', 'lose'),
  partition: fc.nat(2),
  isAcknowledged: fc.boolean(),
  back: fc.nat(1),
  afterMs: fc.constantFrom(0, 100, 3_000, 15_000, 70_000),
});

test('whatever is killed: no number that its source will send again is ever a gap, and all that it has lost are one in the end', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60, size: 'max' }), (steps) => {
      const world = new World();
      const gaps = () => world.audit.judge(world.nowMs).gaps;
      for (const { what, partition, isAcknowledged, back, afterMs } of steps) {
        if (what === 'send') world.send(partition);
        if (what === 'append') world.append(partition, isAcknowledged, back);
        if (what === 'speak') world.speak();
        if (what === 'kill') world.kill();
        if (what === 'open') world.open();
        if (what === 'lose') world.lose();
        world.nowMs += afterMs;
        expect(gaps().filter((seq) => !world.lost.has(seq))).toEqual([]);
      }
      // Everybody comes to an end, and the source goes on.
      for (let number = 0; number < 60 + steps.length; number += 1) world.send(number % 3);
      for (const partition of [0, 1, 2]) for (const back of steps.keys()) world.append(partition, true, back);
      for (const partition of [0, 1, 2]) world.append(partition, true, 0);
      world.nowMs += 10_000;
      world.speak();
      world.nowMs += 60_000;
      world.speak();
      expect(gaps()).toEqual([...world.lost].filter((seq) => !world.logged.has(seq)).sort((a, b) => a - b));
      found += gaps().length;
    }),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(0);
});
