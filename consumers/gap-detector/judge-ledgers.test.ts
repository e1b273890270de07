import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import type { SourceCheckpoint } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { judgeLedgers } from './judge-ledgers.ts';
import { SourceLedger } from './source-ledger.ts';

const T = 'pmc.messages.incoming';
const LATER_MS = 600_000;

/** Of an old epoch that is closed. */
const CLOSED = { kind: 'closed', settledUpTo: 9, received: 9, at: 10 } as const;

/** An old epoch with numbers in turn in two partitions, of which an audit that starts anew has read one. */
function halfRead(said: Partial<SourceCheckpoint> & Pick<SourceCheckpoint, 'kind'> = CLOSED) {
  const [gateway, sources] = [new GatewayLedger(), new SourceLedger()];
  gateway.checkpoint({ ...BLANK_CHECKPOINT, gatewayEpoch: 'g', instance: 'i', inFlightMax: 8, at: 0, ...said });
  for (let seq = 1; seq <= 9; seq += 2) {
    const at = { topic: T, partition: 0, offset: BigInt(seq) };
    gateway.observe('g', seq, seq, at);
    sources.observe({ source: 's', stream: 'a', streamEpoch: 'e', seq, gatewayEpoch: 'g', receivedAtMs: seq }, at);
  }
  return { gateway, sources, positions: new Map([[`${T}-0`, 10n]]) };
}

describe('what the ledgers say', () => {
  test('is nothing while the log is still being read: what is not read yet would be called missing', () => {
    const audited = halfRead();
    const { gateway, sources, lagging } = judgeLedgers(audited, new Map(), undefined, LATER_MS);
    expect([gateway.findings, sources.findings, lagging]).toEqual([[], [], expect.stringContaining('still reading')]);
    // What it is kept from.
    expect(judgeLedgers(audited, new Map(), LATER_MS, LATER_MS).sources.findings).not.toEqual([]);
  });

  test('is as of the time up to which all is read: who speaks later is not silent', () => {
    const audited = halfRead({ kind: 'progress', at: LATER_MS });
    const states = (asOfMs: number, nowMs: number) =>
      judgeLedgers(audited, new Map(), asOfMs, nowMs).gateway.epochs.map(({ state }) => state);
    expect(states(LATER_MS + 5_000, LATER_MS + 60_000)).toEqual(['live']);
    expect(states(LATER_MS + 60_000, LATER_MS + 60_000)).toEqual(['crashed']);
  });

  test.each([
    ['that were young then', CLOSED, 20_000],
    [
      'of a gateway that had still to speak of them',
      { ...CLOSED, kind: 'progress', received: 12, at: 100_000 },
      105_000,
    ],
  ] as const)('calls no numbers missing %s, however much later it is now', (_which, said, asOfMs) => {
    const audited = halfRead(said);
    const missing = (untilMs: number) => judgeLedgers(audited, new Map(), untilMs, LATER_MS).sources.findings.length;
    const then = missing(asOfMs);
    const about = { ...BLANK_CHECKPOINT, ...CLOSED, gatewayEpoch: 'g', instance: 'i', inFlightMax: 8 };
    audited.gateway.checkpoint({ ...about, settledUpTo: 12, received: 12 });
    expect([then, missing(LATER_MS)]).toEqual([0, 4]);
  });

  test('does not take what expired in another topic for numbers that did', () => {
    const starts = (topic: string) => new Map([[`${topic}-1`, 5n]]);
    const missing = (logStarts: ReadonlyMap<string, bigint>) =>
      judgeLedgers(halfRead(), logStarts, LATER_MS, LATER_MS).sources.findings.length;
    expect([missing(starts(TOPIC.sources)), missing(starts(TOPIC.incoming))]).toEqual([4, 0]);
  });

  test('lags when the reading is far behind, and says since when', () => {
    const since = (nowMs: number) => judgeLedgers(halfRead(), new Map(), 0, nowMs).lagging;
    expect(since(30_000)).toBeUndefined();
    expect(since(30_001)).toContain('1970-01-01T00:00:00.000Z');
  });
});
