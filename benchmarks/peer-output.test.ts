import { expect, test } from 'vitest';
import { appendRateOf, readRateOf } from './peer-output.ts';

const APPENDED = `Option --producer-props has been deprecated and will be removed in a future version.
312001 records sent, 62400.2 records/sec (17.26 MB/sec), 1064.5 ms avg latency, 1862.0 ms max latency.
500000 records sent, 129466.597618 records/sec (35.81 MB/sec), 664.56 ms avg latency, 1162.00 ms max latency, 624 ms 50th, 1102 ms 95th, 1123 ms 99th, 1147 ms 99.9th.
`;

const READ = `start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec
2026-11-24 16:14:18:570, 2026-11-24 16:14:20:392, 276.5656, 151.7923, 1000000, 548847.4204, 567, 1255, 220.3710, 796812.7490
`;

test('the rate of appends is that of the summary, not that of an interval', () => {
  expect(appendRateOf(APPENDED, 500_000)).toBe(129_466.597618);
});

test('the rate of reads leaves out the time to join the group', () => {
  expect(readRateOf(READ, 1_000_000)).toBe(796_812.749);
});

test('a tool that did less than it was told has no rate', () => {
  expect(() => appendRateOf(APPENDED, 500_001)).toThrow('ProducerPerformance');
  expect(() => readRateOf(READ, 1_000_001)).toThrow('ConsumerPerformance');
});

test.for(['', 'Exception in thread "main"\n', READ.split('\n')[0] ?? ''])('no summary is no rate: %j', (output) => {
  expect(() => appendRateOf(output, 1)).toThrow('does not say');
  expect(() => readRateOf(output, 1)).toThrow('does not say');
});
