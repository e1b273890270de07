// Writes schemas/protocol/json/*.schema.json from the frames; `--check` fails when what is on disk differs.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { jsonSchemas } from './json-schemas.ts';

const FOLDER = new URL('./json/', import.meta.url);

/** What the folder must hold now, by file name. */
export function schemaFilesNow(): ReadonlyMap<string, string> {
  return new Map(
    [...jsonSchemas()].map(([name, schema]) => [`${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`]),
  );
}

/** What it does hold. */
export function schemaFilesThere(): ReadonlyMap<string, string> {
  return new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]));
}

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true });
  const wanted = schemaFilesNow();
  const there = schemaFilesThere();
  const differing = [...new Set([...wanted.keys(), ...there.keys()])].filter(
    (name) => wanted.get(name) !== there.get(name),
  );
  for (const name of differing) {
    const text = wanted.get(name);
    const file = new URL(name, FOLDER);
    if (process.argv.includes('--check')) {
      process.stderr.write(`schemas/protocol/json/${name} is not what the frames give: run \`npm run generate\`\n`);
      process.exitCode = 1;
    } else if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
  }
}
