// A recording: one frame a line, `{connection, atMs, frame}`, as it was captured from a source. It is kept in memory, so its size has a limit.
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';

const FILE_BYTES_MAX = 256 * 1_024 * 1_024;
const recordedLine = z.object({
  connection: z.number().int().min(0),
  atMs: z.number().min(0),
  frame: z.string(),
});

export interface RecordedFrame extends z.output<typeof recordedLine> {
  /** How often the recording had been sent before. */
  readonly round: number;
}

export function readRecording(file: string): readonly RecordedFrame[] {
  const unreadable = (reason: string, cause?: unknown) =>
    new PmcError('PMC_CHAOS_RECORDING_INVALID', `recording ${file} ${reason}`, { file }, { cause });
  let text: string;
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) throw unreadable(`has ${size} bytes; at most ${FILE_BYTES_MAX} fit into memory`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw error instanceof PmcError ? error : unreadable('cannot be read', error);
  }
  const frames = text
    .split('\n')
    .flatMap((line, index) => (line === '' ? [] : [parseLine(line, index + 1, unreadable)]));
  if (frames.length === 0) throw unreadable('holds no frame');
  return frames.toSorted((a, b) => a.atMs - b.atMs);
}

function parseLine(
  line: string,
  number: number,
  unreadable: (reason: string, cause?: unknown) => PmcError,
): RecordedFrame {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw unreadable(`is not JSON in line ${number}`, error);
  }
  const result = recordedLine.safeParse(value);
  if (result.success) return { ...result.data, round: 0 };
  const [issue] = result.error.issues;
  throw unreadable(`is wrong in line ${number}: ${issue?.path.join('.') || 'the line'} ${issue?.message}`);
}

/** The recording in plan time: faster or slower, once or for ever. A round lasts as long as its last frame, and a tick. */
export function* replayed(
  frames: readonly RecordedFrame[],
  { speed, isLooped }: { readonly speed: number; readonly isLooped: boolean },
): Generator<RecordedFrame, void, void> {
  const roundMs = (frames.at(-1)?.atMs ?? 0) + 1;
  for (let round = 0; round === 0 || isLooped; round++) {
    for (const frame of frames) yield { ...frame, round, atMs: (round * roundMs + frame.atMs) / speed };
  }
}
