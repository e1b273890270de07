import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Reader } from '../log.ts';
import { Script, ScriptedConsumer, TOPIC } from './scripted-consumer.testing.ts';

let script: Script;
let reader: Reader;
vi.mock('./client.ts', () => ({ METADATA_AGE_MAX_MS: 1, kafkaClient: () => ({ consumer: () => script.consumer }) }));

beforeEach(async () => {
  vi.useFakeTimers();
  script = new Script();
  reader = await script.startReader();
  script.consumer.join([0]);
});

afterEach(async () => {
  await reader.stop();
  vi.useRealTimers();
});

describe('offsets', () => {
  test('names a jump in the offsets', async () => {
    await script.consumer.deliver([7, 8]);
    await script.consumer.deliver([11]);
    expect(script.gaps).toEqual([{ topic: TOPIC, partition: 0, expected: 9n, got: 11n }]);
  });

  test('goes past what is no record, commits that, and does not take it for a jump', async () => {
    await script.consumer.deliver([7, 8], { after: 2 });
    await script.consumer.deliver([13], { before: 2 });
    script.consumer.skip(15);
    await script.consumer.deliver([16]);
    expect(script.consumer.committed).toEqual(['11', '14', '16', '17']);
    expect(script.gaps).toEqual([]);
  });

  test.each([
    ['sought away from it', () => reader.seek({ topic: TOPIC, partition: 0 }, 3n)],
    ['lost', () => script.consumer.emit(script.consumer.events.REBALANCING, {})],
  ])('commits nothing for what is no record when the partition was %s', (_name, take) => {
    take();
    script.consumer.skip(15);
    expect(script.consumer.committed).toEqual([]);
  });
});

test('what was fetched under an earlier assignment and queued since is left to whoever has the partition now', async () => {
  script.consumer.join([1]);
  await script.consumer.deliver([7]);
  expect([script.batches, script.consumer.committed]).toEqual([[], []]);
});

describe('what the group has committed', () => {
  test('is where the first batch has to begin: retention that overtook the group is reported', async () => {
    script.committedBefore = new Map([[0, 5n]]);
    script.consumer.join([0]);
    await script.consumer.deliver([8]);
    expect(script.gaps).toEqual([{ topic: TOPIC, partition: 0, expected: 5n, got: 8n }]);
  });

  test.each([
    ['join', () => Promise.resolve()],
    [
      'start',
      async () => {
        await reader.stop();
        script.consumer = new ScriptedConsumer();
        reader = await script.startReader();
      },
    ],
  ])('is remembered from the last %s when the client has reset it since', async (_name, begin) => {
    script.committedBefore = new Map([[0, 5n]]);
    await begin();
    script.consumer.join([0]);
    script.committedBefore = new Map();
    script.consumer.join([0]);
    await script.consumer.deliver([8]);
    expect(script.gaps).toEqual([{ topic: TOPIC, partition: 0, expected: 5n, got: 8n }]);
  });
});

describe('pauses and seeks', () => {
  const FIRST = { topic: TOPIC, partition: 0 };

  test('are told to kafkajs, and again at every join until resumed or committed past', async () => {
    reader.pause([FIRST]);
    reader.seek(FIRST, 3n);
    const told = [
      ['pause', { topic: TOPIC, partitions: [0] }],
      ['seek', { topic: TOPIC, partition: 0, offset: '3' }],
    ];
    expect(script.consumer.told.splice(0)).toEqual(told);
    script.consumer.join([0]);
    expect(script.consumer.told.splice(0)).toEqual(told);
    reader.resume([FIRST]);
    await script.consumer.deliver([3]);
    script.consumer.told.length = 0;
    script.consumer.join([0]);
    expect(script.consumer.told).toEqual([]);
  });

  test('wait for the partition to be assigned', () => {
    reader.seek({ topic: TOPIC, partition: 4 }, 9n);
    script.consumer.told.length = 0;
    script.consumer.join([0]);
    expect(script.consumer.told).toEqual([]);
    script.consumer.join([4]);
    expect(script.consumer.told).toEqual([['seek', { topic: TOPIC, partition: 4, offset: '9' }]]);
  });

  test('a seek takes the batch in hand away: it is aborted and not committed', async () => {
    script.handle = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    const delivered = script.consumer.deliver([7]);
    await vi.waitUntil(() => script.batches.length === 1);
    reader.seek(FIRST, 2n);
    await delivered;
    expect(script.consumer.committed).toEqual([]);
    expect(script.gaps).toEqual([]);
  });

  test('what was fetched before a seek or a pause is not handed over', async () => {
    script.consumer.isSoughtAway = true;
    await script.consumer.deliver([7]);
    script.consumer.isSoughtAway = false;
    reader.pause([FIRST]);
    await script.consumer.deliver([7]);
    expect([script.batches, script.gaps, script.consumer.resolved]).toEqual([[], [], []]);
    reader.resume([FIRST]);
    await script.consumer.deliver([7]);
    expect(script.offsets).toEqual([[7n]]);
  });

  test('a negative offset is refused, because kafkajs would begin at 0', () => {
    expect(() => reader.seek(FIRST, -1n)).toThrow(RangeError);
    expect(script.consumer.told).toEqual([]);
  });
});
