import { describe, expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { Timeline, type TimelineEvent, withCoincident } from './timeline.ts';
import type { Finding } from './verdict.ts';

const event = (atMs: number, subject = 's', kind: TimelineEvent['kind'] = 'outage'): TimelineEvent => {
  return { atMs, kind, subject, detail: 'd' };
};

function timelineOf(...events: readonly TimelineEvent[]): Timeline {
  const timeline = new Timeline();
  for (const one of events) timeline.add(one);
  return timeline;
}

describe('a timeline', () => {
  test('is in the order of times, however its events come', () => {
    const { events } = timelineOf(event(5), event(1), event(9), event(5, 'another'), event(3));
    expect(events.map(({ atMs, subject }) => `${atMs} ${subject}`)).toEqual(['1 s', '3 s', '5 s', '5 another', '9 s']);
  });

  test('has what is told again once, as the books tell what operators did in each round', () => {
    const told = [event(5), event(5, 'another'), event(5, 's', 'operator-action'), event(6)];
    expect(timelineOf(...told, ...told, event(9), ...told).events).toHaveLength(5);
  });

  test('keeps the newest events, so many', () => {
    const timeline = new Timeline();
    for (let atMs = 1; atMs <= 6_000; atMs += 1) timeline.add(event(atMs));
    expect([timeline.events.length, timeline.events[0]?.atMs, timeline.events.at(-1)?.atMs]).toEqual([
      5_000, 1_001, 6_000,
    ]);
  });

  test('has the comings and goings that checkpoints tell of, and nothing else of them', () => {
    const timeline = new Timeline();
    const about = { ...BLANK_CHECKPOINT, gatewayEpoch: 'e', instance: 'i', inFlightMax: 8 };
    timeline.checkpoint({ ...about, kind: 'opened', at: 1 });
    timeline.checkpoint({ ...about, kind: 'opened', at: 2, source: 'chat' });
    timeline.checkpoint({ ...about, kind: 'progress', at: 3 });
    timeline.checkpoint({ ...about, kind: 'closed', at: 4, source: 'chat', reason: '1006' });
    timeline.checkpoint({ ...about, kind: 'closed', at: 5 });
    expect(timeline.events.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`)).toEqual([
      'gateway-opened e: i opened its epoch',
      'source-opened chat: the connection of i opened',
      'source-closed chat: the connection of i closed: 1006',
      'gateway-closed e: i closed its epoch',
    ]);
  });
});

describe('what happened near a finding', () => {
  const finding: Finding = { kind: 'missing', stage: 'log-to-stored', detail: 'no row', receivedAt: 100_000 };
  const near = (...atMs: readonly number[]) =>
    withCoincident([finding], timelineOf(...atMs.map((at) => event(at))).events)[0]?.coincident;

  test('is what lies within ten seconds of it, nearest first, and five at most', () => {
    expect(near(89_999, 90_000, 110_000, 110_001, 99_500)).toEqual([
      'outage s -0.5 s: d',
      'outage s -10.0 s: d',
      'outage s +10.0 s: d',
    ]);
    expect(near(100_007, 100_006, 100_005, 100_004, 100_003, 100_002, 100_001)).toHaveLength(5);
    expect(near(89_999)).toBeUndefined();
  });

  test('is not known of one whose time is not', () => {
    const timeless: Finding = { kind: 'missing', stage: 'log-to-stored', detail: 'no row' };
    expect(withCoincident([timeless], [event(0)])).toEqual([timeless]);
  });
});
