// A random secret that is drawn once for a state folder and kept in a file that only its owner can read.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../../service/private-file.ts';

export function keptSecret(secretsFolder: string, name: string): string {
  const path = join(secretsFolder, name);
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (kept !== '') return kept;
  } catch {
    // Not drawn yet.
  }
  const drawn = randomBytes(24).toString('base64url');
  writePrivateFile(path, `${drawn}\n`);
  return drawn;
}
