// What a fault is: a name, what it does, the verdict it must lead to, its settings, and one pure function from an event to
// what happens instead. When and where it strikes is not its business. Pure.
//
//   event ──► ordinary delivery ──► strike(settings, occasion) ──► deliveries + what happens to the connection
import { z } from 'zod';
import { PmcError } from '../../../service/errors.ts';
import type { Random } from '../../../service/random.ts';
import type { Delivery, Draft, Effect, LinkAction } from '../delivery.ts';

export interface Occasion {
  /** What would have happened. */
  readonly delivery: Delivery;
  /** The occasion's own randomness: what one fault draws shifts nothing else. */
  readonly random: Random;
  /** More messages of the same people, each with an id of its own. */
  readonly more: (count: number) => readonly Draft[];
}

interface Definition<O> {
  readonly name: string;
  readonly does: string;
  /** The verdict it must lead to, in one sentence. */
  readonly expects: string;
  readonly options: z.ZodType<O>;
  /** Only a source that counts its events and is acknowledged can commit it; elsewhere it does not strike. */
  readonly needs?: 'pmc.v1';
  /** By default it strikes at an event; else when a connection opens, before the hello. */
  readonly at?: 'opening';
  readonly strike: (options: O, occasion: Occasion) => Effect;
}

export interface Fault extends Omit<Definition<unknown>, 'options' | 'strike'> {
  /** The settings it takes and their defaults, for people. */
  readonly settings: object;
  /** Checks the settings; throws PMC_CHAOS_FAULT_INVALID. */
  readonly prepare: (options: unknown) => (occasion: Occasion) => Effect;
}

export function defineFault<O>({ options, strike, ...about }: Definition<O>): Fault {
  return {
    ...about,
    settings: z.toJSONSchema(options, { io: 'input' }).properties ?? {},
    prepare: (given) => {
      const result = options.safeParse(given ?? {});
      if (result.success) return (occasion) => strike(result.data, occasion);
      const problems = result.error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`);
      throw new PmcError('PMC_CHAOS_FAULT_INVALID', `fault ${about.name}: ${problems.join('; ')}`);
    },
  };
}

export function frames(...deliveries: readonly Delivery[]): Effect {
  return { deliveries, actions: [] };
}

/** The event goes its ordinary way, and something happens to its connection. */
export function also({ delivery }: Occasion, ...actions: readonly LinkAction[]): Effect {
  return { deliveries: [delivery], actions };
}

const MS_MAX = 600_000;

export const durationMs = (byDefault: number) => z.number().int().min(1).max(MS_MAX).default(byDefault);
export const wholeNumber = (min: number, max: number, byDefault: number) =>
  z.number().int().min(min).max(max).default(byDefault);
export const noOptions = z.strictObject({});
