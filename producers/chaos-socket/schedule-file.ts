// A schedule file: phases and faults in YAML, for a run that is to be repeated.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';
import { type Arming, armingSchema, checkWithin } from './arming.ts';
import { FAULTS } from './faults/table.ts';
import { type Phases, phasesSchema } from './phases.ts';
import type { Profile } from './profile.ts';

const scheduleSchema = z.strictObject({
  phases: phasesSchema.optional(),
  faults: z.array(armingSchema).max(100).default([]),
});

export interface FaultSchedule {
  readonly phases: Phases | undefined;
  readonly faults: readonly Arming[];
}

interface ScheduleChoice {
  readonly schedule: string | undefined;
  readonly minutes: number | undefined;
  readonly eventsPerSecond: number | undefined;
}

/** That of the file where one is named, else that of the profile. */
export function scheduleOf({ schedule, minutes, eventsPerSecond }: ScheduleChoice, profile: Profile): FaultSchedule {
  const { phases, faults } = schedule === undefined ? profile : loadSchedule(schedule, minutes);
  if (phases === undefined || eventsPerSecond === undefined) return { phases, faults };
  const message = 'phases say the rate; PMC_CHAOS_RATE says another one: unset it';
  throw new PmcError('PMC_CHAOS_SCHEDULE_INVALID', message);
}

function loadSchedule(file: string, minutes: number | undefined): FaultSchedule {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new PmcError('PMC_CHAOS_SCHEDULE_INVALID', `schedule ${file} cannot be read`, { file }, { cause: error });
  }
  return parseSchedule(text, file, minutes);
}

/** Throws PMC_CHAOS_SCHEDULE_INVALID naming everything that is wrong with it. */
export function parseSchedule(text: string, where: string, minutes?: number): FaultSchedule {
  const invalid = (reason: string, cause?: unknown) =>
    new PmcError('PMC_CHAOS_SCHEDULE_INVALID', `schedule ${where}: ${reason}`, {}, { cause });
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw invalid('is not YAML', error);
  }
  const result = scheduleSchema.safeParse(content ?? {});
  if (!result.success) {
    throw invalid(result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
  }
  const { phases, faults } = result.data;
  for (const { fault, options } of faults) FAULTS.get(fault)?.prepare(options);
  checkWithin(faults, minutes === undefined ? undefined : minutes * 60);
  return { phases, faults };
}
