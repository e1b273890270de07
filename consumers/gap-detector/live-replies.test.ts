import { pino } from 'pino';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Codec } from '../../kafka/codec.ts';
import type { LogAdmin, RangeReader, TopicDescription } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import { LiveAudit } from './live-audit.ts';
import { lookAtReplies } from './reply-ledgers.ts';
import type { Finding } from './verdict.ts';

vi.mock('./reply-ledgers.ts', () => ({ lookAtReplies: vi.fn() }));
vi.mock('./stored-side.ts', () => ({
  coverageOf: () => Promise.resolve(new Map()),
  rowsFrom: () => Promise.resolve([]),
}));
vi.mock('./conflicts.ts', () => ({
  withConflicts: (_pool: unknown, _topic: unknown, findings: unknown) => Promise.resolve(findings),
}));

const INCOMING = { topic: TOPIC.incoming, incarnation: 'i', partitions: [] } as unknown as TopicDescription;
const PASSED_OVER: Finding = {
  ...{ kind: 'reply-missing', stage: 'command-to-reply', topic: TOPIC.incoming, incarnation: 'i' },
  ...{ partition: 0, offset: 5, detail: '' },
};

let nowMs: number;

beforeEach(() => {
  nowMs = 1_000;
  vi.mocked(lookAtReplies)
    .mockReset()
    .mockResolvedValue({ stages: [], findings: [PASSED_OVER] });
});

function newAudit(outgoing: { readonly outgoing?: string }): LiveAudit {
  const none = () => Promise.resolve(new Map());
  const admin = { ends: none, committed: none, topics: () => Promise.resolve([INCOMING]) };
  const tools = {
    ...{ admin: admin as unknown as LogAdmin, ranges: {} as RangeReader, codec: {} as Codec, pool: {} as Pool },
    ...{ clock: { nowMs: () => nowMs }, isPassing: true as const, ...outgoing },
  };
  return new LiveAudit({ tools, logger: pino({ level: 'silent' }), graceMs: 1_000, coverageMin: 0.95 });
}

test('the running audit looks at commands and replies once a minute, and says so of what rests on that look', async () => {
  const audit = newAudit({ outgoing: TOPIC.outgoing });
  expect(audit.lookedAtMs(PASSED_OVER)).toBeUndefined();
  const looked: (number | undefined)[] = [];
  for (nowMs of [1_000, 31_000, 60_999, 61_000, 90_000]) {
    expect((await audit.round(INCOMING, 'c', 'r')).findings).toEqual([PASSED_OVER]);
    looked.push(audit.lookedAtMs(PASSED_OVER));
  }
  expect(looked).toEqual([1_000, 1_000, 1_000, 61_000, 61_000]);
  const topics = { incoming: INCOMING, outgoing: TOPIC.outgoing };
  expect(vi.mocked(lookAtReplies).mock.calls.map(([, , asked, atMs]) => [asked, atMs])).toEqual([
    [topics, 1_000],
    [topics, 61_000],
  ]);
});

test('without a topic of replies it looks at none', async () => {
  expect((await newAudit({}).round(INCOMING, 'c', 'r')).findings).toEqual([]);
  expect(lookAtReplies).not.toHaveBeenCalled();
});
