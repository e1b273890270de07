// What is being played: a profile and its people, and the faults that came with it. It can change at run time; the run, its
// seed and its ledger stay.
import type { Arming } from './arming.ts';
import type { Emitter } from './emitter.ts';
import type { FaultDesk } from './fault-desk.ts';
import type { FrameWriter } from './frame-writer.ts';
import { type Population, populate } from './population.ts';
import type { Profile } from './profile.ts';
import { loadProfile } from './profile-files.ts';

export function populationOf(profile: Profile, seed: number): Population {
  return populate(seed, { senders: profile.sender.count, chats: profile.chat?.count });
}

export interface SceneParts {
  readonly seed: number;
  readonly writer: FrameWriter;
  readonly emitter: Emitter;
  readonly desk: FaultDesk;
}

export class Scene {
  readonly #parts: SceneParts;
  #profile: Profile;
  /** Those that the profile or the schedule armed. */
  #armed: readonly string[];

  constructor(profile: Profile, faults: readonly Arming[], parts: SceneParts) {
    this.#parts = parts;
    this.#profile = profile;
    this.#armed = parts.desk.exchange([], faults).map(({ id }) => id);
  }

  get profile(): Profile {
    return this.#profile;
  }

  /**
   * Throws for a profile that does not exist or whose faults cannot be armed; then the old one goes on, and nothing has changed.
   * Faults that requests armed stay armed.
   */
  change(name: string, nowMs: number): Profile {
    const profile = loadProfile(name);
    const { seed, writer, emitter, desk } = this.#parts;
    const population = populationOf(profile, seed);
    this.#armed = desk.exchange(this.#armed, profile.faults, nowMs).map(({ id }) => id);
    writer.use(profile, population);
    emitter.change({ profile, population, phases: profile.phases });
    this.#profile = profile;
    return profile;
  }
}
