// Where profiles come from: the YAML files of the folder beside this file. A new file is a new profile.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { PmcError } from '../../service/errors.ts';
import { FAULTS } from './faults/table.ts';
import { type Profile, profileSchema } from './profile.ts';

const FOLDER = join(import.meta.dirname, 'profiles');

export function profileNames(): readonly string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .toSorted();
}

export function loadProfile(id: string): Profile {
  const names = profileNames();
  // Also what keeps a name such as ../../etc/passwd from being read.
  if (!names.includes(id)) {
    const message = `unknown profile ${JSON.stringify(id)}; PMC_CHAOS_PROFILE must be one of: ${names.join(', ')}`;
    throw new PmcError('PMC_CHAOS_PROFILE_UNKNOWN', message, { profile: id, names });
  }
  const file = join(FOLDER, `${id}.yaml`);
  return parseProfile(id, readFileSync(file, 'utf8'), file);
}

export function parseProfile(id: string, text: string, where: string): Profile {
  const invalid = (reason: string, cause?: unknown) =>
    new PmcError('PMC_CHAOS_PROFILE_INVALID', `profile ${where}: ${reason}`, { profile: id }, { cause });
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw invalid('is not YAML', error);
  }
  const result = profileSchema.safeParse(content);
  if (!result.success) {
    throw invalid(result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
  }
  for (const { fault, options } of result.data.faults) FAULTS.get(fault)?.prepare(options);
  return { ...result.data, id };
}
