import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test, vi } from 'vitest';
import { describeFrame, describeReceived, ReceivedFrames } from './received-frames.ts';

const about = { connectionId: 'connection-1', binary: false, nowMs: 0 };
const received = (text: string) => describeReceived(Buffer.from(text), about).received;

test('the newest frames are kept, the rest is counted', () => {
  const frames = new ReceivedFrames(3, 1_000_000);
  for (let n = 0; n < 10; n++) frames.add(received(`{"n":${n}}`));
  expect(frames.newest(100).map(({ text }) => text)).toEqual(['{"n":7}', '{"n":8}', '{"n":9}']);
  expect(frames.newest(2).map(({ text }) => text)).toEqual(['{"n":8}', '{"n":9}']);
  expect([frames.size, frames.dropped]).toEqual([3, 7]);
});

test('the bytes are bounded too, but the newest frame always stays', () => {
  const frames = new ReceivedFrames(100, 50);
  for (let n = 0; n < 4; n++) frames.add(received('x'.repeat(20)));
  expect([frames.size, frames.dropped]).toEqual([2, 2]);
  frames.add(received('y'.repeat(60)));
  expect(frames.newest(100).map(({ sizeBytes }) => sizeBytes)).toEqual([60]);
});

test('what was dropped is let go of, at once', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const frames = new ReceivedFrames(10_000, 100);
  let dropped = 0;
  const kept = new FinalizationRegistry<number>(() => (dropped += 1));
  const add = (n: number): void => {
    const frame = received(`{"n":${n},"x":"${'x'.repeat(50)}"}`);
    kept.register(frame, n);
    frames.add(frame);
  };
  for (let n = 0; n < 50; n++) add(n);
  await vi.waitFor(() => {
    collect();
    expect(dropped).toBeGreaterThan(40);
  }, 20_000);
  expect([frames.size, frames.dropped]).toEqual([1, 49]);
});

test('frames are found by their chat, whether they are an event or carry one', () => {
  const frames = new ReceivedFrames(10, 1_000_000);
  frames.add(received('{"event":"message","chat":"a"}'));
  frames.add(received('{"op":"deliver","event":{"event":"message","chat":"b"}}'));
  frames.add(received('{"event":"message","chat":"a","id":"2"}'));
  expect(frames.newest(10, 'a')).toHaveLength(2);
  expect(frames.newest(10, 'b').map(({ frame }) => frame)).toEqual([
    { op: 'deliver', event: { event: 'message', chat: 'b' } },
  ]);
});

test('what is not JSON is kept as text and has no parsed frame', () => {
  const frames = new ReceivedFrames(10, 1_000);
  for (const bytes of [Buffer.from([0x7b, 0xff]), Buffer.from('null')]) {
    frames.add(describeReceived(bytes, about).received);
  }
  const [malformed, nothing] = frames.newest(2);
  expect(malformed).not.toHaveProperty('frame');
  expect(malformed).toMatchObject({ text: '{\ufffd', sizeBytes: 2 });
  expect(nothing).toMatchObject({ text: 'null', frame: null });
});

test('a frame says of itself only what it says in text', () => {
  expect(describeFrame({ event: 'x', id: 5, chat: 'c' })).toEqual({ event: 'x', id: undefined, chat: 'c' });
  expect(describeFrame(['event'])).toEqual({ event: undefined, id: undefined, chat: undefined });
});
