// How much of the contract suite is run: PMC_FAULTS=long is for hours when nobody waits. What a long run came to is kept beside its test.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

export const IS_LONG = process.env['PMC_FAULTS'] === 'long';

/** Of the long form only. */
export function keepResult(file: URL, result: Readonly<Record<string, unknown>>): void {
  if (!IS_LONG) return;
  const when = { date: new Date().toISOString().slice(0, 10), node: process.version, cores: cpus().length };
  writeFileSync(file, `${JSON.stringify({ ...when, ...result }, null, 2)}\n`);
}
