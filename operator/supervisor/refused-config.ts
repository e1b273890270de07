// Why a service has refused its configuration, out of what it wrote: one line where its log has one, whatever else is in it. Pure.
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';

const fatalSchema = z.object({ level: z.literal('fatal'), error: z.string() });

/** The settings are refused in plain text before there is a log; what they name, as the error of a fatal line of the log. */
export function refusedConfig(service: string, output: string): PmcError {
  const fatal = output.split('\n').flatMap((line) => {
    const read = fatalSchema.safeParse(parsed(line));
    return read.success ? [`${service}: ${read.data.error}`] : [];
  });
  return new PmcError('PMC_CONFIG_INVALID', fatal.at(-1) ?? output.trim(), { service });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
