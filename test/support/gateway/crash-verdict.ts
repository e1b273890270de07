// What a run of crashes has done to events, frames and numbers: the peers' own books beside the log. Pure.
import { GatewayLedger } from '../../../consumers/gap-detector/gateway-ledger.ts';
import { eventKey } from '../../../schemas/event-key.ts';
import type { IncomingEvent } from '../../../schemas/generated.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import type { Acked } from './counting-peer.ts';
import type { Found } from './log-content.ts';

export interface LogOfRun {
  readonly incoming: readonly Found<typeof TOPIC.incoming>[];
  readonly rejected: readonly Found<typeof TOPIC.rejected>[];
  readonly sources: readonly Found<typeof TOPIC.sources>[];
  readonly positions: ReadonlyMap<string, bigint>;
}

/** The books of a peer that counts. */
export interface CountedBooks {
  readonly epoch: string;
  readonly sent: readonly string[];
  readonly acked: readonly Acked[];
  readonly settledUpTo: number;
}

/** The books of a legacy source, and what was found in the spool of a dead process, by gateway epoch and number. */
export interface ToldBooks {
  readonly told: readonly (readonly string[])[];
}

export interface SpooledFrame {
  readonly gatewayEpoch: string;
  readonly ingestSeq: number;
  readonly text: string;
}

/** Each list is empty where all is well. */
export interface CrashVerdict {
  /** Acknowledged, and not there with these bytes. */
  readonly ackedElsewhere: readonly string[];
  /** Settled, or given out, and nowhere on the log. */
  readonly lost: readonly string[];
  /** Behind one of the same chat and connection that was said later. */
  readonly disordered: readonly string[];
  /** Of one number, with two event keys. */
  readonly conflicts: readonly string[];
  /** On the log, and never said. */
  readonly invented: readonly string[];
}

export const NOTHING_WRONG: CrashVerdict = {
  ...{ ackedElsewhere: [], lost: [], disordered: [], conflicts: [], invented: [] },
};

export function judgeCounted({ epoch, sent, acked, settledUpTo }: CountedBooks, log: LogOfRun): CrashVerdict {
  const own = log.incoming.filter(({ value }) => value.streamEpoch === epoch);
  const at = new Map(own.map((found) => [placeOf(found), found.value]));
  const wrongAcks = acked.filter((ack) => textOf(at.get(placeOf(ack))) !== sent[ack.seq - 1]);
  const seqs = new Set(own.map(({ value }) => value.seq));
  const numbers = Array.from({ length: settledUpTo }, (_, index) => index + 1);
  const keys = new Map<number, string>();
  const conflicts: string[] = [];
  for (const { value } of own) {
    const key = keyOf(value);
    if (key !== (keys.get(value.seq as number) ?? key)) conflicts.push(`number ${value.seq}`);
    keys.set(value.seq as number, key);
  }
  return {
    ackedElsewhere: wrongAcks.map((ack) => `number ${ack.seq} at ${placeOf(ack)}`),
    lost: numbers.filter((seq) => !seqs.has(seq)).map((seq) => `number ${seq}`),
    disordered: disordered(own, ({ seq }) => seq as number),
    conflicts,
    invented: own.filter(({ value }) => textOf(value) !== sent[(value.seq as number) - 1]).map(placeOf),
  };
}

/** Of what a legacy source says a kill may take the end of each connection; nothing out of its middle. */
export function judgeTold(source: string, { told }: ToldBooks, log: LogOfRun): CrashVerdict {
  const own = log.incoming.filter(({ value }) => value.source === source);
  const refused = log.rejected.filter(({ value }) => value.source === source);
  const texts = new Set([
    ...own.map(({ value }) => textOf(value) as string),
    ...refused.map(({ value }) => value.raw.toString('utf8')),
  ]);
  const lost: string[] = [];
  for (const frames of told) {
    const last = frames.findLastIndex((text) => texts.has(text));
    lost.push(...frames.slice(0, last + 1).filter((text) => !texts.has(text)));
  }
  const said = new Map(told.flat().map((text, index) => [text, index]));
  return {
    ...NOTHING_WRONG,
    lost,
    disordered: disordered(own, (value) => said.get(textOf(value) as string) as number),
    invented: [...texts].filter((text) => !said.has(text)),
  };
}

/** What was on the disk of a dead process and is not on the log under its number. */
export function lostOfSpool(spooled: readonly SpooledFrame[], log: LogOfRun): readonly SpooledFrame[] {
  const name = (epoch: string, number: number, text: string): string => `${epoch} ${number} ${text}`;
  const there = new Set([
    ...log.incoming.map(({ value }) => name(value.gatewayEpoch, value.ingestSeq, value.payload.toString('utf8'))),
    ...log.rejected.map(({ value }) => name(value.gatewayEpoch, value.ingestSeq, value.raw.toString('utf8'))),
  ]);
  return spooled.filter(({ gatewayEpoch, ingestSeq, text }) => !there.has(name(gatewayEpoch, ingestSeq, text)));
}

/** What the audit makes of it: numbers it misses, and how many an epoch can have had beyond those that are accounted for. */
export function judgedNumbers(log: LogOfRun, nowMs: number) {
  const ledger = new GatewayLedger();
  for (const { topic, partition, offset, value } of [...log.incoming, ...log.rejected]) {
    ledger.observe(value.gatewayEpoch, value.ingestSeq, value.receivedAt, { topic, partition, offset });
  }
  for (const { value } of log.sources) ledger.checkpoint(value);
  const { epochs, findings } = ledger.judge(log.positions, new Map(), nowMs);
  return {
    epochs: epochs.length,
    unread: epochs.filter(({ judgedUpTo, settledUpTo }) => judgedUpTo < settledUpTo).length,
    missing: findings.filter(({ kind }) => kind === 'missing'),
    crashed: epochs.filter(({ state }) => state === 'crashed').map(({ gatewayEpoch }) => gatewayEpoch),
    // Beyond all that is accounted for: so many an epoch can have given out and taken with it.
    tailMax: Math.max(
      0,
      ...epochs.map(({ tail, inLog, elsewhere }) => (tail === null ? 0 : tail.to - inLog - elsewhere)),
    ),
  };
}

function disordered(
  own: readonly Found<typeof TOPIC.incoming>[],
  order: (event: IncomingEvent) => number,
): readonly string[] {
  const highest = new Map<string, number>();
  const seen = new Map<string, Set<number>>();
  const behind: string[] = [];
  for (const found of own) {
    const { chat, connection } = found.value;
    const name = `${connection} ${chat}`;
    const number = order(found.value);
    const before = seen.get(name) ?? new Set();
    // A copy of one that is there already, which an append of unknown outcome and a recovery may leave, puts nothing out of order.
    if (!before.has(number) && number < (highest.get(name) ?? number)) behind.push(`${placeOf(found)} of ${name}`);
    seen.set(name, before.add(number));
    highest.set(name, Math.max(number, highest.get(name) ?? number));
  }
  return behind;
}

function keyOf(event: IncomingEvent): string {
  const { timestamp } = JSON.parse(event.payload.toString('utf8')) as { timestamp?: string };
  return eventKey(event, event.payload, timestamp);
}

function textOf(event: IncomingEvent | undefined): string | undefined {
  return event?.payload.toString('utf8');
}

function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: bigint | number }): string {
  return `${topic}/${partition}/${offset}`;
}
