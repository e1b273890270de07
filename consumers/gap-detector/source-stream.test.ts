import { expect, test, vi } from 'vitest';
import { SourceLedger } from './source-ledger.ts';

const OF = { source: 's', stream: 'a', streamEpoch: 'e' };

test('partitions that are read one after the other are not sorted anew for every event', () => {
  const ledger = new SourceLedger();
  const sorted = vi.spyOn(Array.prototype, 'sort');
  const [spans, perSpan] = [400, 50];
  for (const partition of [0, 1, 2])
    for (let index = 0; index < spans * perSpan; index += 1) {
      const [seq, receivedAtMs] = [3 * index + partition + 1, index * (5_000 / perSpan)];
      ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs }, { topic: 't', partition, offset: BigInt(index) });
    }
  const times = sorted.mock.calls.length;
  sorted.mockRestore();
  expect(times).toBeGreaterThan(0);
  expect(times).toBeLessThan(3 * spans);
});

test('what a later partition has of long ago is not made as late as what an earlier one had last', () => {
  const ledger = new SourceLedger();
  const observe = (seq: number, partition: number, receivedAtMs: number): void =>
    ledger.observe({ ...OF, seq, gatewayEpoch: 'g', receivedAtMs }, { topic: 't', partition, offset: BigInt(seq) });
  observe(1, 0, 0);
  for (let seq = 1_001; seq <= 1_040; seq += 1) observe(seq, 0, seq * 10_000);
  for (let seq = 2; seq <= 1_000; seq += 1) if (seq !== 100) observe(seq, 1, seq * 10_000);
  const { findings } = ledger.judge(
    () => ({ untilMs: 9_000_000, isOpenEnded: false }),
    { starts: new Map(), untilMs: 0 },
    20_000_000,
  );
  expect(findings).toMatchObject([{ kind: 'source-gap', from: 100, to: 100 }]);
});
