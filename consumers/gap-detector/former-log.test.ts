import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { GatewayEpoch, numbersOf, STEPS, step } from './gateway-epoch.testing.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { judgeLedgers } from './judge-ledgers.ts';
import { SourceLedger } from './source-ledger.ts';

const OF = { source: 's', stream: 'a', streamEpoch: 'e' };
const SEEN_MS = 50_000;
/** From then on clocks that are apart do not matter. */
const SINCE_MS = 150_000;
const STORED = 50;

type Said = Partial<Parameters<GatewayLedger['checkpoint']>[0]>;

/** An audit of a log that was made again when a counted stream had come to 50, all of them in partition 0 and gone. */
class Audit {
  readonly gateway = new GatewayLedger();
  readonly sources = new SourceLedger();
  readonly positions = new Map<string, bigint>();
  readonly starts = new Map<string, bigint>();

  constructor(isKnown = true) {
    for (const partition of [0, 1, 2]) this.starts.set(`${TOPIC.incoming}-${partition}`, 0n);
    if (isKnown) this.gateway.recreated({ topic: TOPIC.incoming, seenMs: SEEN_MS });
    this.said('old', 1_000, 0, { kind: 'opened' }).said('old', 40_000, STORED, { settledUpTo: STORED });
  }

  /** `end`: of partition 0. */
  said(gatewayEpoch: string, at: number, end: number, more: Said = {}): this {
    const ends = end === 0 ? [] : [{ topic: TOPIC.incoming, partition: 0, offset: end }];
    const about = { gatewayEpoch, instance: gatewayEpoch, inFlightMax: 8, at, ends };
    const said = { ...BLANK_CHECKPOINT, kind: 'progress', ...about, ...more } as const;
    this.gateway.checkpoint({ ...said, received: said.settledUpTo });
    return this;
  }

  /** Frames from one number to another, one a second; all but one come onto the new log. */
  frames(gatewayEpoch: string, from: number, to: number, { seqs = 0, atMs = SINCE_MS, lost = 0 } = {}): this {
    const name = `${TOPIC.incoming}-0`;
    for (let number = from; number <= to; number += 1) {
      if (number === lost) continue;
      const [offset, receivedAtMs] = [this.positions.get(name) ?? 0n, atMs + (number - from) * 1_000];
      const at = { topic: TOPIC.incoming, partition: 0, offset };
      this.gateway.observe(gatewayEpoch, number, receivedAtMs, at);
      this.sources.observe({ ...OF, seq: seqs + number, gatewayEpoch, receivedAtMs }, at);
      this.positions.set(name, offset + 1n);
    }
    return this;
  }

  judge(asOfMs: number) {
    const { gateway, sources } = judgeLedgers(this, this.starts, asOfMs, asOfMs);
    const gaps = numbersOf(sources.findings, 'source-gap');
    return { missing: numbersOf(gateway.findings, 'missing'), gaps, gateway, streams: sources.streams };
  }
}

describe('where a topic was made again', () => {
  test('nothing that was on the former log is lost, before and after the new one is as long', () => {
    const audit = new Audit().said('old', 41_000, STORED, { kind: 'closed', settledUpTo: STORED });
    audit.said('new', 120_000, 0, { kind: 'opened' }).frames('new', 1, 5, { seqs: STORED });
    audit.said('new', 160_000, 5, { settledUpTo: 5 });
    expect(audit.judge(300_000)).toMatchObject({ missing: [], gaps: [] });
    audit.frames('new', 6, 80, { seqs: STORED, atMs: 300_000 }).said('new', 400_000, 80, { settledUpTo: 80 });
    const { missing, gaps, gateway, streams } = audit.judge(410_000);
    expect([missing, gaps]).toEqual([[], []]);
    expect(gateway.epochs).toMatchObject([{ gatewayEpoch: 'new', from: 1, judgedUpTo: 80 }]);
    // Those that came since are judged, from one on that came when nothing was appended to the former log any more.
    expect(streams).toMatchObject([{ from: STORED + 1, judgedUpTo: STORED + 80 }]);
    // What it is kept from.
    const unknown = new Audit(false).frames('new', 1, 80, { seqs: STORED, atMs: 300_000 });
    unknown
      .said('old', 41_000, STORED, { kind: 'closed', settledUpTo: STORED })
      .said('new', 400_000, 80, { settledUpTo: 80 });
    expect(unknown.judge(410_000)).toMatchObject({ missing: { length: STORED }, gaps: { length: STORED } });
  });

  test('what is lost of the new one is found, by both', () => {
    const audit = new Audit().said('new', 120_000, 0, { kind: 'opened' });
    audit.frames('new', 1, 80, { seqs: STORED, lost: 7 }).said('new', 400_000, 79, { settledUpTo: 80 });
    expect(audit.judge(500_000)).toMatchObject({ missing: [7], gaps: [STORED + 7] });
  });

  test('a gateway that lived on names offsets of the former one: its frames are judged by the time, until it names higher ones', () => {
    const audit = new Audit().said('old', 140_000, STORED, { settledUpTo: STORED });
    audit
      .frames('old', STORED + 1, STORED + 20, { lost: STORED + 7 })
      .said('old', 175_000, STORED, { settledUpTo: STORED + 20 });
    expect(audit.judge(176_000)).toMatchObject({ missing: [], gaps: [] });
    // As of a minute later all that it claimed then has been read.
    expect(audit.said('old', 230_000, STORED, { settledUpTo: STORED + 20 }).judge(236_000)).toMatchObject({
      missing: [STORED + 7],
      gaps: [STORED + 7],
    });
    audit.frames('old', STORED + 21, STORED + 90, { atMs: 240_000, lost: STORED + 50 });
    audit.said('old', 320_000, 88, { settledUpTo: STORED + 90 });
    expect(audit.judge(330_000).missing).toEqual([STORED + 7, STORED + 50]);
    audit.positions.set(`${TOPIC.incoming}-0`, 87n);
    expect(audit.judge(330_000).missing).toEqual([STORED + 7]);
  });

  test('what was received about when it was made again proves nothing: two clocks may be apart', () => {
    const audit = new Audit().frames('old', STORED + 3, STORED + 9, { atMs: 90_000, lost: STORED + 5 });
    const { gaps, streams } = audit.said('old', 140_000, STORED, { settledUpTo: STORED + 9 }).judge(400_000);
    expect([gaps, streams.map(({ from }) => from)]).toEqual([[], [Number.POSITIVE_INFINITY]]);
  });

  test('what has left the new one since was received by the last word of who names offsets of the former, or by the first higher one', () => {
    const untilMs = ({ gateway }: Audit) => gateway.forgotten(new Map([[`${TOPIC.incoming}-0`, 10n]])).untilMs;
    const audit = new Audit().said('old', 140_000, STORED).said('old', 175_000, STORED);
    expect(untilMs(audit)).toBe(175_000);
    expect(untilMs(audit.said('old', 320_000, 88))).toBe(320_000);
  });

  test('a stream that was born since is judged from its first number on', () => {
    const audit = new Audit().said('new', 120_000, 0, { kind: 'opened' }).frames('new', 1, 9, { lost: 4 });
    audit.said('new', 400_000, 8, { settledUpTo: 9 });
    expect(audit.judge(410_000).gaps).toEqual([4]);
  });
});

test('of a gateway that lives on for long, only some of whose checkpoints are remembered, nothing that has expired is missing', () => {
  const epoch = new GatewayEpoch({ topic: TOPIC.incoming });
  const goOn = (frames: number): void => {
    for (let number = 0; number < frames; number += 1) {
      epoch.receive(0);
      epoch.append(0);
      epoch.checkpoint('progress');
    }
  };
  goOn(1_001);
  epoch.recreate();
  epoch.nowMs = SINCE_MS;
  goOn(1_100);
  const ledger = new GatewayLedger();
  ledger.recreated({ topic: TOPIC.incoming, seenMs: SEEN_MS });
  epoch.read(ledger, { logStarts: [100, 0, 0] });
  const starts = new Map([[`${TOPIC.incoming}-0`, 100n]]);
  expect(numbersOf(ledger.judge(epoch.positions, starts, 1_000_000).findings, 'missing')).toEqual([]);
});

const CUT = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20));

test('wherever the new log begins, what was settled is not missing; where it has its first records, what is lost of it is', () => {
  let found = 0;
  fc.assert(
    fc.property(STEPS, STEPS, CUT, fc.nat(60), fc.boolean(), (before, after, cut, pick, isKilled) => {
      const epoch = new GatewayEpoch({ inFlightMax: 8, topic: TOPIC.incoming });
      for (const one of before) step(epoch, one);
      epoch.nowMs = SEEN_MS;
      epoch.checkpoint('progress');
      epoch.recreate();
      epoch.nowMs = SINCE_MS;
      epoch.checkpoint('progress');
      const judgedFrom = epoch.received + 1;
      for (const one of after) step(epoch, one);
      if (isKilled) epoch.closedFor();
      else epoch.close();
      const claimed = epoch.checkpoints.at(-1)?.settledUpTo ?? 0;
      const judged = (logStarts: readonly number[], without: ReadonlySet<number>) => {
        const ledger = new GatewayLedger();
        ledger.recreated({ topic: TOPIC.incoming, seenMs: SEEN_MS });
        epoch.read(ledger, { logStarts: [...logStarts], without: new Set(without) });
        const starts = new Map(logStarts.map((start, partition) => [`${TOPIC.incoming}-${partition}`, BigInt(start)]));
        return numbersOf(ledger.judge(epoch.positions, starts, 1_000_000).findings, 'missing');
      };
      const starts = epoch.partitions.map((log, partition) => Math.min(log.length, cut[partition] ?? 0));
      expect(judged(starts, new Set())).toEqual([]);
      const onLog = epoch.partitions.flat();
      const lost = onLog[pick % Math.max(1, onLog.length)] ?? 0;
      const isJudged = lost >= judgedFrom && lost <= claimed;
      expect(judged([0, 0, 0], new Set([lost]))).toEqual(isJudged ? [lost] : []);
      if (isJudged) found += 1;
    }),
    { numRuns: 500 },
  );
  expect(found).toBeGreaterThan(0);
});
