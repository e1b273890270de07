// A gateway epoch in memory, played the way the communicator does it, and what an audit reads of it: the truth that the
// ledger's verdicts are compared with.
import fc from 'fast-check';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import type { CheckpointKind, SourceCheckpoint } from '../../schemas/generated.ts';
import { OPEN_END } from '../../schemas/settled-elsewhere.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import type { Finding } from './verdict.ts';

export const EPOCH = '01JDBBBBBBBBBBBBBBBBBBBBBB';
const PARTITIONS = 3;

export class GatewayEpoch {
  readonly inFlightMax: number;
  readonly gatewayEpoch: string;
  readonly instance: string;
  readonly topic: string;
  nowMs: number;
  received = 0;
  /** The log: per partition, the number at each offset. */
  readonly partitions: number[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly checkpoints: SourceCheckpoint[] = [];
  readonly #open: { ingestSeq: number; partition: number }[] = [];
  readonly #settled = new Set<number>();
  readonly #ends = new Map<number, number>();
  #elsewhere: { from: number; to: number; reason: string }[] = [];

  constructor({ inFlightMax = 64, gatewayEpoch = EPOCH, instance = 'communicator-1', topic = 'log', nowMs = 0 } = {}) {
    this.topic = topic;
    this.inFlightMax = inFlightMax;
    this.gatewayEpoch = gatewayEpoch;
    this.instance = instance;
    this.nowMs = nowMs;
    this.checkpoint('opened');
  }

  get settledUpTo(): number {
    let number = 0;
    while (this.#settled.has(number + 1)) number += 1;
    return number;
  }

  /** Numbers given out that nothing is known of: neither on the log nor settled. */
  get lost(): readonly number[] {
    const onLog = new Set(this.partitions.flat());
    return this.#open.map(({ ingestSeq }) => ingestSeq).filter((number) => !onLog.has(number));
  }

  receive(partition: number): boolean {
    if (this.#open.length >= this.inFlightMax) return false;
    this.received += 1;
    this.#open.push({ ingestSeq: this.received, partition: partition % PARTITIONS });
    return true;
  }

  /** The oldest open frame of a partition reaches the log; without an acknowledgement it stays open, and comes again. */
  append(partition: number, isAcknowledged = true): void {
    const log = this.partitions[partition % PARTITIONS] as number[];
    const next = this.#open.find((one) => one.partition === partition % PARTITIONS);
    if (next === undefined) return;
    log.push(next.ingestSeq);
    if (!isAcknowledged) return;
    this.#ends.set(next.partition, Math.max(log.length, this.#ends.get(next.partition) ?? 0));
    this.#settle(next.ingestSeq);
  }

  settleElsewhere(pick: number, reason = 'sampled'): void {
    const onLog = new Set(this.partitions.flat());
    const open = this.#open.filter(({ ingestSeq }) => !onLog.has(ingestSeq));
    const one = open[pick % Math.max(1, open.length)];
    if (one === undefined) return;
    this.#settle(one.ingestSeq);
    this.#elsewhere.push({ from: one.ingestSeq, to: one.ingestSeq, reason });
  }

  checkpoint(kind: CheckpointKind): void {
    this.checkpoints.push({
      ...BLANK_CHECKPOINT,
      kind,
      gatewayEpoch: this.gatewayEpoch,
      instance: this.instance,
      at: this.nowMs,
      settledUpTo: this.settledUpTo,
      received: this.received,
      inFlightMax: this.inFlightMax,
      ends: [...this.#ends].map(([partition, offset]) => ({ topic: this.topic, partition, offset })),
      settledElsewhere: this.#elsewhere,
    });
    this.#elsewhere = [];
  }

  /** Somebody makes the topic anew; a gateway does not notice. */
  recreate(): void {
    for (const log of this.partitions) log.length = 0;
  }

  /** Settles all that is open and closes, as a communicator that is stopped. */
  close(): void {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      while (this.#open.some((one) => one.partition === partition)) this.append(partition);
    }
    this.checkpoint('closed');
  }

  /** The last word of a successor that knows of this epoch what its last checkpoint says, and not where it had appended. */
  closedFor(): void {
    const { settledUpTo } = this.checkpoints.at(-1) as SourceCheckpoint;
    this.checkpoint('closed');
    const settledElsewhere = [{ from: settledUpTo + 1, to: OPEN_END, reason: 'unacknowledged' }];
    const last = this.checkpoints.pop() as SourceCheckpoint;
    this.checkpoints.push({ ...last, settledUpTo, received: settledUpTo, ends: [], settledElsewhere });
  }

  /** An audit reads everything that is still there: from the log start of each partition, without what was taken out. */
  read(ledger: GatewayLedger, { logStarts = [0, 0, 0], without = new Set<number>() } = {}): void {
    for (const checkpoint of this.checkpoints) ledger.checkpoint(checkpoint);
    for (const [partition, log] of this.partitions.entries()) {
      for (const ingestSeq of log.slice(logStarts[partition])) {
        if (!without.has(ingestSeq)) ledger.observe(this.gatewayEpoch, ingestSeq, this.nowMs);
      }
    }
  }

  /** How far each partition can be read. */
  get positions(): ReadonlyMap<string, bigint> {
    return new Map(this.partitions.map((log, partition) => [`${this.topic}-${partition}`, BigInt(log.length)]));
  }

  #settle(ingestSeq: number): void {
    this.#settled.add(ingestSeq);
    this.#open.splice(
      this.#open.findIndex((one) => one.ingestSeq === ingestSeq),
      1,
    );
  }
}

type Step =
  | { readonly do: 'receive'; readonly partition: number }
  | { readonly do: 'append'; readonly partition: number; readonly isAcknowledged: boolean }
  | { readonly do: 'elsewhere'; readonly pick: number }
  | { readonly do: 'checkpoint' };

const PARTITION = fc.nat(2);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('receive' as const), partition: PARTITION }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('append' as const), partition: PARTITION, isAcknowledged: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('elsewhere' as const), pick: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('checkpoint' as const) }) },
);
export const STEPS = fc.array(STEP, { maxLength: 150 });

export function step(epoch: GatewayEpoch, one: Step): void {
  if (one.do === 'receive') epoch.receive(one.partition);
  else if (one.do === 'append') epoch.append(one.partition, one.isAcknowledged);
  else if (one.do === 'elsewhere') epoch.settleElsewhere(one.pick);
  else epoch.checkpoint('progress');
}

export function played(steps: readonly Step[], inFlightMax = 8): GatewayEpoch {
  const epoch = new GatewayEpoch({ inFlightMax });
  for (const one of steps) step(epoch, one);
  return epoch;
}

/** An epoch of `frames` frames over all partitions, everything settled and said so in a checkpoint. */
export function settledEpoch(
  frames: number,
  options: { instance?: string; gatewayEpoch?: string; nowMs?: number } = {},
) {
  const epoch = new GatewayEpoch(options);
  for (let number = 0; number < frames; number += 1) {
    epoch.receive(number);
    epoch.append(number);
  }
  epoch.checkpoint('progress');
  return epoch;
}

/** What the ledger says of an epoch after reading what is left of it. */
export function judged(
  epoch: GatewayEpoch,
  { nowMs = 1_000_000, positions = epoch.positions, logStarts = new Map(), ...reading } = {} as {
    nowMs?: number;
    positions?: ReadonlyMap<string, bigint>;
    logStarts?: ReadonlyMap<string, bigint>;
    without?: Set<number>;
  },
) {
  const ledger = new GatewayLedger();
  const starts = [0, 1, 2].map((partition) => Number(logStarts.get(`log-${partition}`) ?? 0n));
  epoch.read(ledger, { logStarts: starts, without: reading.without ?? new Set() });
  return ledger.judge(positions, logStarts, nowMs);
}

/** Every number that findings of a kind name. */
export function numbersOf(findings: readonly Finding[], kind: Finding['kind']): readonly number[] {
  return findings
    .filter((one) => one.kind === kind)
    .flatMap(({ from = 0, to = -1 }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}
