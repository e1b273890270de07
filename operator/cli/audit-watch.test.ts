import { expect, test } from 'vitest';
import { buildReport } from '../../consumers/gap-detector/report.ts';
import type { Finding } from '../../consumers/gap-detector/verdict.ts';
import { changesOf } from './audit-watch.ts';

const AT = { topic: 'pmc.messages.incoming', partition: 0, incarnation: 'i', stage: 'log-to-stored' } as const;

function reportOf(offsets: readonly number[], findingsLeftOff = 0) {
  const findings = offsets.map((offset): Finding => ({ ...AT, kind: 'missing', offset, detail: 'no row' }));
  const head = { runId: '01RUN', mode: 'live', startedAtMs: 0, finishedAtMs: 1, clusterId: 'c' } as const;
  const report = buildReport({ ...head, coverageMin: 0.95, unreadable: 0, perPartition: [], findings, epochs: [] });
  return { ...report, findingsLeftOff };
}

test('a report that says nothing new is no line; a finding that came is one', () => {
  expect(changesOf(reportOf([1, 2]), reportOf([1, 2]), false)).toBe('');
  expect(changesOf(reportOf([1]), reportOf([1, 2]), false)).toMatch(/^.* fail .*\n {2}missing .*@2 {2}no row\n$/);
});

test('what is not listed is counted, and told when its number changes', () => {
  expect(changesOf(reportOf([1], 3), reportOf([1], 3), false)).toBe('');
  expect(changesOf(reportOf([1], 3), reportOf([1], 40), false)).toContain('  40 lighter ones are not listed');
  expect(changesOf(reportOf([1], 3), reportOf([1]), false)).toContain('  0 lighter ones are not listed');
  expect(JSON.parse(changesOf(undefined, reportOf([1], 40), true))).toMatchObject({ findingsLeftOff: 40 });
});
