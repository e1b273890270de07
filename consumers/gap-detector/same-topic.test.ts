import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { Codec } from '../../kafka/codec.ts';
import type { LogAdmin, RangeReader, TopicDescription } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { LiveAudit } from './live-audit.ts';

// Rows of the topic that there was, above the end of the one that there is.
vi.mock('./stored-side.ts', () => ({
  coverageOf: () => Promise.resolve(new Map()),
  rowsFrom: () => Promise.resolve([{ partition: 0, offset: 7n, id: 'a' }]),
}));
vi.mock('./conflicts.ts', () => ({
  withConflicts: (_pool: unknown, _topic: unknown, findings: unknown) => Promise.resolve(findings),
}));

function auditOf(incarnationNow: string): LiveAudit {
  const none = () => Promise.resolve(new Map());
  const topics = ([topic]: readonly string[]) =>
    Promise.resolve([{ topic, incarnation: incarnationNow, partitions: [] }]);
  const admin = { ends: none, committed: none, topics } as unknown as LogAdmin;
  const unasked = { ranges: {} as RangeReader, codec: {} as Codec, pool: {} as Pool, isPassing: true as const };
  const tools = { admin, clock: { nowMs: () => 1_000 }, ...unasked };
  return new LiveAudit({ tools, logger: pino({ level: 'silent' }), graceMs: 1_000, coverageMin: 0.95 });
}

test('a round in which the topic was made again tells nothing: its rows are not beyond the log', async () => {
  const before: TopicDescription = { topic: TOPIC.incoming, incarnation: 'i', partitions: [] };
  const { findings } = await auditOf('i').round(before, 'c', 'r');
  expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual([['extra', 7]]);
  await expect(auditOf('j').round(before, 'c', 'r')).rejects.toMatchObject({ code: 'PMC_TOPIC_RECREATED' });
});
