// A group member in a process of its own, so that it can be killed: reads like a service whose batches take their time, and tells
// what it handled before the reader may commit it.
import { pause } from '../../../service/backoff.ts';
import type { ProcessRecording } from './reader-member.ts';
import { recordingReader } from './recording-reader.ts';

const recording = JSON.parse(process.argv[2] ?? '') as ProcessRecording;

function tell(message: unknown): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

const { stop } = await recordingReader({
  ...recording,
  async handle({ partition, records, signal }) {
    await pause(recording.handleMs, signal);
    const [first, last] = [records[0], records.at(-1)];
    if (signal.aborted || first === undefined || last === undefined) return;
    const { member } = recording;
    await tell({ member, partition, lower: first.offset, upper: last.offset + 1n, atMs: Date.now() });
  },
});

process.once('message', () => void stop().then(() => process.disconnect()));
// Nobody is left to be told anything.
process.once('disconnect', () => process.exit());
