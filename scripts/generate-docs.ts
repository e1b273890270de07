// Writes the pages of docs/ that are made from code; `--check` fails when one on disk differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { generatedPages } from './docs/pages.ts';

const isCheck = process.argv.includes('--check');

for (const [name, text] of await generatedPages()) {
  const target = new URL(`../docs/${name}`, import.meta.url);
  if (!isCheck) writeFileSync(target, text);
  else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    process.stderr.write(`docs/${name} is not what the code gives: run \`npm run generate\`\n`);
    process.exitCode = 1;
  }
}
