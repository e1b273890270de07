import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('row 36 · the library does not look at NODE_ENV anywhere', () => {
  const folder = dirname(fileURLToPath(import.meta.resolve('@platformatic/kafka')));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((name) => readFileSync(join(folder, name), 'utf8').includes('NODE_ENV'))).toEqual([]);
});
