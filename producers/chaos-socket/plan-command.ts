// `--plan-only`: the fingerprint of the plan on stdout, computed from the configuration alone, without any socket.
import { randomInt } from 'node:crypto';
import { type Environment, readSettings } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { chaosSettings, profileOf } from './config.ts';
import { FaultPlan } from './fault-plan.ts';
import { planEvents } from './generator.ts';
import type { Phases } from './phases.ts';
import { planHash } from './plan-hash.ts';
import type { Profile } from './profile.ts';
import { loadProfile } from './profile-files.ts';
import { populationOf } from './scene.ts';
import { scheduleOf } from './schedule-file.ts';

const DEFAULT_MINUTES = 10;

/** More events than a machine goes through in some minutes. */
const EVENTS_MAX = 100_000_000;

/** SHA-256 of the first stream's plan, in lower-case hex. Throws the errors of configuration and profiles. */
export function planHashOf(environment: Environment): string {
  const config = readSettings(environment, chaosSettings);
  const profile = loadProfile(profileOf(config));
  const seed = config.seed ?? randomInt(2 ** 32);
  const population = populationOf(profile, seed);
  const { phases, faults } = scheduleOf(config, profile);
  const { eventsPerSecond, minutes = DEFAULT_MINUTES } = config;
  checkSize({ profile, eventsPerSecond, phases, minutes });
  const plan = planEvents({ profile, population, seed, stream: 0, eventsPerSecond, phases });
  const faultPlan = new FaultPlan(seed);
  for (const arming of faults) faultPlan.arm(arming);
  return planHash(plan, { population, faultPlan, untilMs: minutes * 60_000 });
}

function checkSize(plan: {
  readonly profile: Profile;
  readonly eventsPerSecond: number | undefined;
  readonly phases: Phases | undefined;
  readonly minutes: number;
}): void {
  const { profile, eventsPerSecond = profile.timing.messages_per_minute / 60, phases, minutes } = plan;
  const ofPhases = phases?.reduce((sum, { seconds, rate, to = rate }) => sum + (seconds * (rate + to)) / 2, 0);
  const events = ofPhases ?? eventsPerSecond * minutes * 60;
  if (events <= EVENTS_MAX) return;
  const message = `the plan has about ${Math.round(events)} events; at most ${EVENTS_MAX} are gone through`;
  throw new PmcError('PMC_CHAOS_PLAN_TOO_LARGE', message, { events });
}
