import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readRecording, replayed } from './recorded-frames.ts';

const ORIGINAL = join(import.meta.dirname, '../../test/data/chaos-socket-frames.jsonl');

function read(text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-recording-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'f.jsonl'), text);
  return readRecording(join(folder, 'f.jsonl'));
}

test('the recording of the original is read, in the order of its times', () => {
  const frames = readRecording(ORIGINAL);
  expect(frames).toHaveLength(8_452);
  expect(new Set(frames.map(({ connection }) => connection)).size).toBe(100);
  for (const [index, { atMs }] of frames.entries()) expect(atMs).toBeGreaterThanOrEqual(frames[index - 1]?.atMs ?? 0);
});

test('it is played once or for ever, faster or slower', () => {
  const frames = [10, 30].map((atMs) => ({ connection: 0, atMs, frame: '{}', round: 0 }));
  const times = (speed: number, isLooped: boolean) => {
    const plan = replayed(frames, { speed, isLooped });
    return Array.from({ length: 4 }, () => plan.next().value).map((one) => one && [one.round, one.atMs]);
  };
  expect(times(10, false)).toEqual([[0, 1], [0, 3], undefined, undefined]);
  expect(times(0.5, true)).toEqual([
    [0, 20],
    [0, 60],
    [1, 82],
    [1, 122],
  ]);
});

test.for<[string, string]>([
  ['', 'holds no frame'],
  ['{"connection":0,"atMs":1,"frame":"a"}\n{', 'in line 2'],
  ['{"connection":0,"atMs":-1,"frame":"a"}', 'in line 1: atMs'],
  ['{"connection":0,"atMs":1}', 'frame'],
])('%j is refused: %s', ([text, problem]) => {
  expect(() => read(text)).toThrow(problem);
  expect(() => readRecording('/nowhere')).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_RECORDING_INVALID' }));
});
