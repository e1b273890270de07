// `--plan-only`: the fingerprint of the plan on stdout, computed from the configuration alone, without any socket.
import { randomInt } from 'node:crypto';
import { type Environment, readSettings } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { chaosSettings, profileOf } from './config.ts';
import { FaultPlan } from './fault-plan.ts';
import { type PlanSpecification, planEvents } from './generator.ts';
import type { Phases } from './phases.ts';
import { type PlannedStream, planHash } from './plan-hash.ts';
import type { Profile } from './profile.ts';
import { loadProfile } from './profile-files.ts';
import { populationOf } from './scene.ts';
import { scheduleOf } from './schedule-file.ts';
import { sourcePaths } from './source-paths.ts';

const DEFAULT_MINUTES = 10;

/** More events than a machine goes through in some minutes. */
const EVENTS_MAX = 100_000_000;

/**
 * SHA-256 of the plans of all sources, in lower-case hex; without a number of sources, that of the first connection. Throws the
 * errors of configuration and profiles. Where no seed is given one is drawn, and told: without it nobody has this plan again.
 */
export function planHashOf(environment: Environment, onDrawn: (seed: number) => void = () => undefined): string {
  const config = readSettings(environment, chaosSettings);
  const profile = loadProfile(profileOf(config));
  const seed = config.seed ?? randomInt(2 ** 32);
  if (config.seed === undefined) onDrawn(seed);
  const population = populationOf(profile, seed);
  const { phases, faults } = scheduleOf(config, profile);
  const { eventsPerSecond, minutes = DEFAULT_MINUTES, sources: count = 1 } = config;
  checkSize({ profile, eventsPerSecond, phases, minutes, count });
  const faultPlan = new FaultPlan(seed);
  for (const arming of faults) faultPlan.arm(arming);
  const plan = { profile, population, seed, eventsPerSecond, phases };
  const streams = plannedStreams(plan, config.sources === undefined ? ['/'] : sourcePaths(count));
  const isNumbered = config.protocol !== 'legacy';
  return planHash(streams, { population, faultPlan, untilMs: minutes * 60_000, isNumbered });
}

/** One that is dealt out to all, where there is one rate over all of them; else one for each. */
function* plannedStreams(plan: Omit<PlanSpecification, 'stream'>, sources: readonly string[]): Iterable<PlannedStream> {
  const isShared = plan.eventsPerSecond !== undefined || plan.phases !== undefined;
  if (isShared) yield { stream: 0, sources, events: planEvents({ ...plan, stream: 0 }) };
  else
    for (const [stream, source] of sources.entries())
      yield { stream, sources: [source], events: planEvents({ ...plan, stream }) };
}

function checkSize(plan: {
  readonly profile: Profile;
  readonly eventsPerSecond: number | undefined;
  readonly phases: Phases | undefined;
  readonly minutes: number;
  readonly count: number;
}): void {
  const { profile, phases, minutes, count } = plan;
  const { eventsPerSecond = (profile.timing.messages_per_minute / 60) * count } = plan;
  const ofPhases = phases?.reduce((sum, { seconds, rate, to = rate }) => sum + (seconds * (rate + to)) / 2, 0);
  const events = ofPhases ?? eventsPerSecond * minutes * 60;
  if (events <= EVENTS_MAX) return;
  const message = `the plan has about ${Math.round(events)} events; at most ${EVENTS_MAX} are gone through`;
  throw new PmcError('PMC_CHAOS_PLAN_TOO_LARGE', message, { events });
}
