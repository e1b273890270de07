// The way down to receivers over a log of two partitions, as the tests of it are written.

import type { Vector } from './cursor.ts';
import type { Downward } from './downward.ts';
import { type OutgoingLog, ScriptedReceiver } from './outgoing-log.testing.ts';

export const BEGINNING: Vector = new Map([
  [0, 0n],
  [1, 0n],
]);
const NEVER = new AbortController().signal;

export function at(partition: number, offset: number): Readonly<Record<string, number>> {
  return { [`pmc.messages.outgoing/${partition}`]: offset };
}

/** A receiver comes for its source, perhaps with a position. */
export async function comeTo(
  downward: Downward,
  source: string,
  pos?: Readonly<Record<string, number>>,
  receiver = new ScriptedReceiver(),
) {
  const resume = pos === undefined ? undefined : { log_epoch: 'log-1', pos };
  const told = await downward.attach(receiver, source, resume);
  downward.begin(receiver);
  return { receiver, told };
}

/** The reader hands over what the partition has from `from` on. */
export async function readInto(
  downward: Downward,
  log: OutgoingLog,
  partition: number,
  from: number,
  signal = NEVER,
): Promise<void> {
  await downward.handleBatch({ records: log.records[partition]?.slice(from) ?? [], signal });
}
