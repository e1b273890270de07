// A behaviour profile: how often, who and what. The YAML is the original's; `chat`, `commands`, `phases` and `faults` are
// additions, and a file of the original is valid as it is. `read_delay_ms` says how old a message is at least when somebody reads it.
import { z } from 'zod';
import { armingSchema } from './arming.ts';
import { EVENT_KINDS, MESSAGE_TYPES } from './event-kinds.ts';
import { phasesSchema } from './phases.ts';

const probability = z.number().min(0).max(1);
const range = z
  .strictObject({ min: z.number().min(0), max: z.number().min(0) })
  .refine((span) => span.min <= span.max, { error: 'min must not be above max' });

const weightsOf = <const K extends readonly [string, ...string[]]>(names: K) =>
  z
    .partialRecord(z.enum(names), probability)
    .refine((weights) => Object.values<number | undefined>(weights).some((weight) => (weight ?? 0) > 0), {
      error: 'at least one probability must be above 0',
    });

export const profileSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  timing: z.strictObject({
    /** The steady pace of one connection; bursts come on top. The original counts every event, not only messages. */
    messages_per_minute: z.number().positive().max(6_000_000),
    /** The chance, after each event, that the next one follows after `typing_delay_ms` instead. */
    burst_probability: probability.default(0),
    /** A burst ends at the latest after this many quick events. */
    burst_size: range.default({ min: 1, max: 3 }),
    typing_delay_ms: range.default({ min: 500, max: 2_000 }),
    read_delay_ms: range.default({ min: 0, max: 0 }),
  }),
  presence: z
    .strictObject({
      online_probability: probability.default(1),
      /** How long a sender keeps one status; 0 draws it anew for each presence event. */
      status_change_interval_ms: z.number().int().min(0).default(0),
    })
    .prefault({}),
  sender: z.strictObject({ count: z.number().int().min(1).max(100_000) }),
  chat: z.strictObject({ count: z.number().int().min(1).max(100_000) }).optional(),
  events: weightsOf(EVENT_KINDS).default({ message: 0.6, typing: 0.1, read: 0.15, delivered: 0.1, presence: 0.05 }),
  message_types: weightsOf(MESSAGE_TYPES).default({ text: 1 }),
  /** Now and then a text message is one of these instead. */
  commands: z.strictObject({ probability, texts: z.array(z.string().min(1)).min(1) }).optional(),
  /** Rates over time, over all connections, instead of the pace of each. */
  phases: phasesSchema.optional(),
  faults: z.array(armingSchema).max(100).default([]),
});

export interface Profile extends z.output<typeof profileSchema> {
  /** The file's name without its ending: what frames and the API call the profile. */
  readonly id: string;
}

/** The kinds this profile sends at all, in the order of the hello. */
export function activeKinds(profile: Profile): readonly string[] {
  return EVENT_KINDS.filter((kind) => (profile.events[kind] ?? 0) > 0);
}
