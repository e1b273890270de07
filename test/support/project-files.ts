// The text files of the project as a fresh clone has them, for tests that judge the project itself.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface ProjectFile {
  /** From the project folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

const PROJECT = new URL('../../', import.meta.url);
const NOT_OURS = new Set(['node_modules', '.git', '.pmc', 'coverage']);
/** Written by machines or recorded: judged by their own checks. */
const GENERATED = new Set(['schemas/generated.ts', 'schemas/database/schema.snapshot.sql', 'package-lock.json']);
const TEXT = /(\.(ts|js|json|md|sql|sh|css|yml|yaml|xml|properties|avsc|toml)|^Dockerfile|^\.env\.example$|^run|^pmc)$/;

export function readProjectFile(path: string): string {
  return readFileSync(new URL(path, PROJECT), 'utf8');
}

/** Everything that people write; without recorded data and generated files. */
export function projectFiles(): readonly ProjectFile[] {
  return walk(fileURLToPath(PROJECT), '').filter(({ path }) => !GENERATED.has(path) && !path.startsWith('test/data/'));
}

function walk(root: string, folder: string): readonly ProjectFile[] {
  return readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) return walk(root, `${path}/`);
    return entry.isFile() && TEXT.test(entry.name) ? [{ path, text: readFileSync(`${root}${path}`, 'utf8') }] : [];
  });
}
