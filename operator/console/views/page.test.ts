import { describe, expect, it } from 'vitest';
import { audited, auditReport, auditRun, EMPTY_ACCOUNTS, observation, serviceProcess } from '../observation.testing.ts';
import { NOTHING_SEEN, type Snapshot, takeSnapshot } from '../snapshot.ts';
import { changedSections, page } from './page.ts';

const HOSTILE = `"><img src=x onerror=alert(1)></script>'`;

function shown(seen = observation()): Snapshot {
  return takeSnapshot(seen, NOTHING_SEEN).snapshot;
}

/** Every text that comes from outside is hostile. */
function hostile(): Snapshot {
  const value = auditReport({
    stages: [{ stage: 'log-to-stored', verdict: 'fail', detail: HOSTILE }],
    perPartition: [{ ...EMPTY_ACCOUNTS, topic: HOSTILE, partition: 0, from: 0, to: 1 }],
    findings: [
      { kind: HOSTILE, stage: HOSTILE, topic: HOSTILE, partition: 1, offset: 2, id: HOSTILE, source: HOSTILE },
    ],
  });
  const seen = audited(auditRun({ verdict: 'fail', finishedAt: HOSTILE, books: { ok: true, value } }), {
    open: { [HOSTILE]: 1 },
  });
  const services = [serviceProcess({ name: HOSTILE, lastExit: { reason: HOSTILE, lastLine: HOSTILE } })];
  const log = {
    topic: HOSTILE,
    groups: [HOSTILE],
    partitions: [{ partition: 0, logStart: 0, highWatermark: 1, committed: { [HOSTILE]: 0 } }],
  };
  return shown({
    ...seen,
    control: { ok: true, atMs: 0, value: { services } },
    log: { ok: true, atMs: 0, value: log },
  });
}

describe('page', () => {
  it('lets no text from outside become a tag or leave its attribute', () => {
    const text = page(hostile());
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
    expect(text.match(/<\/script>/g)).toHaveLength(1);
    expect(text.match(/onerror=/g)).toHaveLength(text.match(/&quot;&gt;&lt;img src=x onerror=/g)?.length ?? 0);
  });

  it('has no inline script, style or handler, which its own policy forbids', () => {
    const text = page(shown());
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?! src="\/app\.js" defer><)/);
  });

  it('says the verdict in words and writes out the equation', () => {
    const text = page(shown());
    expect(text).toContain('Nothing is lost');
    expect(text).toContain('10 = 10 + 0 + 0 + 0 + 0 + 0 + 0 + 0 + 0; residual 0: the books balance.');
  });

  it('marks a stale audit as unknown and nowhere in the headline as good', () => {
    const { headline = '' } = changedSections(shown(audited(auditRun({ ageMs: 90_000 }))), new Map());
    expect(headline).toContain('the audit is stale');
    expect(headline).toContain('class="headline none"');
    expect(headline).not.toContain('good');
  });

  it('shows the sum made here when the reported residual differs from it', () => {
    const value = auditReport({ accounts: { ...EMPTY_ACCOUNTS, settled: 10, stored: 8 } });
    const { balance = '' } = changedSections(shown(audited(auditRun({ books: { ok: true, value } }))), new Map());
    expect(balance).toContain('summed here: 2');
    expect(balance).toContain('the books do not balance');
  });

  it('is still a page when every source is away', () => {
    const away = { ok: false, reason: 'gone' } as const;
    const text = page(shown(observation({ database: away, log: away, control: away, ready: new Map() })));
    expect(text).toContain('The database is away: gone.');
    expect(text).toContain('Kafka is away: gone.');
    expect(text).toContain('not known');
    expect(text).not.toContain('Nothing is lost');
  });

  it('sends only what changed', () => {
    const sent = new Map<string, string>();
    expect(Object.keys(changedSections(shown(), sent))).toContain('balance');
    expect(changedSections(shown(), sent)).toEqual({});
    const other = shown(observation({ log: { ok: false, reason: 'gone' } }));
    expect(Object.keys(changedSections(other, sent))).toEqual(['notices', 'lag']);
  });
});
