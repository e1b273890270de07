// A topic that was just made: the controller has answered, and the broker may not have heard of it yet, nor that one of the same
// name is gone.
import { expect, vi } from 'vitest';
import type { LogAdmin } from '../../kafka/log.ts';

const WITHIN = { timeout: 60_000, interval: 50 };

/** Waits until the broker itself has the topic, empty, in another incarnation than `before`; returns which. */
export async function newTopicThere(admin: LogAdmin, topic: string, before?: string): Promise<string> {
  return await vi.waitFor(async () => {
    const [found] = await admin.topics([topic]);
    if (found === undefined || found.incarnation === before) throw new Error(`${topic} is not there yet`);
    // The partitions answer this themselves, and those of a topic that was written to and deleted would not be empty.
    const ends = [...(await admin.ends(topic)).values()];
    expect(ends.map(({ highWatermark }) => highWatermark)).toEqual(found.partitions.map(() => 0n));
    return found.incarnation;
  }, WITHIN);
}
