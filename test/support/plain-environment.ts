// What a program that a test starts gets of this process's environment, so that no setting of whoever runs the tests comes through.
import { fileURLToPath } from 'node:url';

// One folder for all: most of a start is compiling, and a test run starts hundreds of programs.
const COMPILED = fileURLToPath(new URL('../../.pmc/compiled', import.meta.url));

export function plainEnvironment(): { readonly [name: string]: string | undefined } {
  return { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_COMPILE_CACHE: COMPILED };
}
