import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generate, generatedNow } from './generate.ts';

test('a small schema gives exactly this text', () => {
  const letter = {
    type: 'record',
    name: 'Letter',
    doc: 'On paper.',
    fields: [
      { name: 'from', type: 'string', doc: 'Who.' },
      { name: 'pages', type: ['null', 'int'] },
      { name: 'seal', type: { type: 'fixed', name: 'Seal', size: 4 } },
      { name: 'class', type: { type: 'enum', name: 'PostalClass', symbols: ['first', 'second'] } },
      {
        name: 'stamps',
        type: { type: 'array', items: { type: 'record', name: 'Stamp', fields: [{ name: 'cents', type: 'long' }] } },
      },
    ],
  };
  expect(generate([letter])).toBe(`// Generated from schemas/avro/*.avsc by \`npm run generate\`; do not edit.

export type Seal = Buffer;

export type PostalClass = 'first' | 'second';

export interface Stamp {
  readonly cents: number;
}

/** On paper. */
export interface Letter {
  /** Who. */
  readonly from: string;
  readonly pages: null | number;
  readonly seal: Seal;
  readonly class: PostalClass;
  readonly stamps: readonly Stamp[];
}

export interface Schemas {
  readonly Letter: Letter;
}

export type SchemaName = keyof Schemas;

export const AVRO_SCHEMAS = {
  Letter: ${JSON.stringify(letter)},
} as const;
`);
});

test('what has no TypeScript type is refused, not guessed', () => {
  expect(() => generate([{ type: 'map', name: 'M' }])).toThrow(/unsupported type/);
});

test('schemas/generated.ts is what schemas/avro gives', () => {
  expect(readFileSync(new URL('./generated.ts', import.meta.url), 'utf8')).toBe(generatedNow());
});
