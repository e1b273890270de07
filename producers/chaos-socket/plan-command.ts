// `--plan-only`: the fingerprint of the plan on stdout, computed from the configuration alone, without any socket.
import { randomInt } from 'node:crypto';
import { type Environment, readSettings } from '../../service/config.ts';
import { chaosSettings, profileOf } from './config.ts';
import { planEvents } from './generator.ts';
import { planHash } from './plan-hash.ts';
import { populate } from './population.ts';
import { loadProfile } from './profile-files.ts';

const DEFAULT_MINUTES = 10;

/** SHA-256 of the first stream's plan, in lower-case hex. Throws the errors of configuration and profiles. */
export function planHashOf(environment: Environment): string {
  const config = readSettings(environment, chaosSettings);
  const profile = loadProfile(profileOf(config));
  const seed = config.seed ?? randomInt(2 ** 32);
  const population = populate(seed, { senders: profile.sender.count, chats: profile.chat?.count });
  const plan = planEvents({ profile, population, seed, stream: 0, eventsPerSecond: config.eventsPerSecond });
  return planHash(plan, population, (config.minutes ?? DEFAULT_MINUTES) * 60_000);
}
