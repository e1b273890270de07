import { expect, test } from 'vitest';
import { FaultPlan } from './fault-plan.ts';
import { type PlannedEvent, type PlanSpecification, planEvents } from './generator.ts';
import { planHash } from './plan-hash.ts';
import { populate } from './population.ts';
import { loadProfile, profileNames } from './profile-files.ts';

function specify(profileId: string, seed: number, more: Partial<PlanSpecification> = {}): PlanSpecification {
  const profile = loadProfile(profileId);
  const population = populate(seed, { senders: profile.sender.count, chats: profile.chat?.count });
  return { profile, population, seed, stream: 0, ...more };
}

function take(specification: PlanSpecification, count: number): readonly PlannedEvent[] {
  const plan = planEvents(specification);
  return Array.from({ length: count }, () => plan.next().value);
}

function shareOf(events: readonly PlannedEvent[], matches: (event: PlannedEvent) => boolean): number {
  return events.filter(matches).length / events.length;
}

test('the same seed and options give the same plan and hash; seed, stream, rate and profile each change it', () => {
  const hash = (specification: PlanSpecification) =>
    planHash([{ stream: 0, sources: ['/'], events: planEvents(specification) }], {
      population: specification.population,
      faultPlan: new FaultPlan(specification.seed),
      untilMs: 5 * 60_000,
      isNumbered: true,
    });
  const reference = hash(specify('flood', 7));
  expect(reference).toMatch(/^[0-9a-f]{64}$/);
  expect(hash(specify('flood', 7))).toBe(reference);
  const others = [
    specify('flood', 8),
    specify('flood', 7, { stream: 1 }),
    specify('flood', 7, { eventsPerSecond: 2 }),
    specify('busy', 7),
  ];
  expect(new Set([reference, ...others.map(hash)]).size).toBe(5);
});

test('a longer plan begins with the shorter one', () => {
  expect(take(specify('demo', 1), 500)).toEqual(take(specify('demo', 1), 1_000).slice(0, 500));
});

test.each(profileNames())('%s: a reference points to an earlier message of the same stream', (profileId) => {
  const events = take(specify(profileId, 3), 5_000);
  let references = 0;
  for (const event of events) {
    if (!('of' in event)) continue;
    references++;
    expect(events[event.of.n]).toBe(event.of);
    expect(event.of.n).toBeLessThan(event.n);
    if (event.kind === 'edit' || event.kind === 'delete') expect(event.actor).toBe(event.of.actor);
    else expect(event.actor).not.toBe(event.of.actor);
  }
  expect(references).toBeGreaterThan(1_000);
});

test('nobody reads a message sooner than the profile lets them, where an older one is there', () => {
  const specification = specify('flood', 4, { eventsPerSecond: 10 });
  const { read_delay_ms } = loadProfile('busy').timing;
  const profile = { ...specification.profile, timing: { ...specification.profile.timing, read_delay_ms } };
  const settled = take({ ...specification, profile }, 5_000).filter(({ atMs }) => atMs > 2 * read_delay_ms.max);
  const ages = settled.flatMap((event) => (event.kind === 'read' ? [event.atMs - event.of.atMs] : []));
  expect(ages.length).toBeGreaterThan(200);
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(read_delay_ms.min);
});

test('the kinds come in the shares of the profile', () => {
  const { profile, ...rest } = specify('flood', 11);
  const events = take({ profile, ...rest }, 50_000);
  for (const [kind, share] of Object.entries(profile.events)) {
    expect(Math.abs(shareOf(events, (event) => event.kind === kind) - share)).toBeLessThan(0.01);
  }
});

test('a given rate is the mean rate, with gaps like those of independent arrivals', () => {
  const events = take(specify('moderate', 12, { eventsPerSecond: 2_000 }), 100_000);
  const lastMs = events.at(-1)?.atMs ?? 0;
  expect(100_000 / (lastMs / 1_000)).toBeGreaterThan(1_960);
  expect(100_000 / (lastMs / 1_000)).toBeLessThan(2_040);
  // Of exponential gaps, 63 % are shorter than the mean.
  const shorter = events.filter((event, n) => event.atMs - (events[n - 1]?.atMs ?? 0) < 0.5).length / events.length;
  expect(Math.abs(shorter - (1 - 1 / Math.E))).toBeLessThan(0.02);
});

// The profile's interval, shortened by the share of quick events of its bursts. The recording of the original's flood
// shows 1.9 events a second on each connection.
test.each([
  ['idle', 0.0083, 0.0092],
  ['moderate', 0.035, 0.042],
  ['busy', 0.165, 0.2],
  ['flood', 1.75, 2.05],
  ['demo', 4.5, 5.5],
])('%s: one connection gets between %d and %d events a second', (profileId, least, most) => {
  const events = take(specify(profileId, 13), 20_000);
  const perSecond = events.length / ((events.at(-1)?.atMs ?? 0) / 1_000);
  expect(perSecond).toBeGreaterThan(least);
  expect(perSecond).toBeLessThan(most);
});

test('the busiest chat has about the share that Zipf gives it, and the quiet ones are there too', () => {
  const specification = specify('busy', 14);
  const { chats } = specification.population;
  const messages = take(specification, 50_000).filter((event) => event.kind === 'message');
  const expected = 1 / chats.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  const first = messages.filter((message) => message.chat === 0).length / messages.length;
  expect(Math.abs(first - expected)).toBeLessThan(0.01);
  expect(new Set(messages.map((message) => message.chat)).size).toBeGreaterThan(chats.length * 0.9);
});

test('in demo about one message in fifty is a command; the original profiles send none', () => {
  const isCommand = (event: PlannedEvent) => event.kind === 'message' && event.command !== undefined;
  const messages = (id: string) => take(specify(id, 15), 40_000).filter((event) => event.kind === 'message');
  expect(Math.abs(shareOf(messages('demo'), isCommand) - 0.02)).toBeLessThan(0.005);
  expect(shareOf(messages('flood'), isCommand)).toBe(0);
});

test('a sender keeps a presence status for the interval of the profile', () => {
  const specification = specify('demo', 16, { eventsPerSecond: 200 });
  const spanMs = specification.profile.presence.status_change_interval_ms;
  const statuses = new Map<string, Set<string>>();
  for (const event of take(specification, 50_000)) {
    if (event.kind !== 'presence') continue;
    const span = `${event.actor} ${Math.floor(event.atMs / spanMs)}`;
    statuses.set(span, (statuses.get(span) ?? new Set()).add(event.status));
  }
  expect([...statuses.values()].every((seen) => seen.size === 1)).toBe(true);
  expect(new Set([...statuses.values()].flatMap((seen) => [...seen])).size).toBe(3);
});
