// Writes schemas/generated.ts from schemas/avro/*.avsc: one TypeScript type per record, fixed and enum, and the schema
// itself as a value. `--check` fails when the file on disk differs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

type AvroType = string | readonly AvroType[] | AvroNamed;
interface AvroNamed {
  readonly type: AvroType;
  readonly name?: string;
  readonly doc?: string;
  readonly items?: AvroType;
  readonly symbols?: readonly string[];
  readonly fields?: readonly AvroField[];
}
interface AvroField extends AvroNamed {
  readonly name: string;
}

const PRIMITIVES: Readonly<Record<string, string>> = {
  null: 'null',
  string: 'string',
  bytes: 'Buffer',
  int: 'number',
  long: 'number',
  boolean: 'boolean',
};

function isList(type: AvroType): type is readonly AvroType[] {
  return Array.isArray(type);
}

function typeText(type: AvroType, declarations: string[]): string {
  if (isList(type)) return type.map((one) => typeText(one, declarations)).join(' | ');
  if (typeof type === 'string') return PRIMITIVES[type] ?? type;
  if (type.type === 'array' && type.items !== undefined) return `readonly ${typeText(type.items, declarations)}[]`;
  const { name, symbols, fields, doc } = type;
  if (name === undefined) throw new Error(`cannot name the type ${JSON.stringify(type)}`);
  const comment = doc === undefined ? '' : `/** ${doc} */\n`;
  if (type.type === 'enum' && symbols !== undefined) {
    declarations.push(`export type ${name} = ${symbols.map((symbol) => `'${symbol}'`).join(' | ')};`);
  } else if (type.type === 'fixed') {
    declarations.push(`export type ${name} = Buffer;`);
  } else if (type.type === 'record' && fields !== undefined) {
    const lines = fields.map((field) => {
      const about = field.doc === undefined ? '' : `  /** ${field.doc} */\n`;
      return `${about}  readonly ${field.name}: ${typeText(field.type, declarations)};`;
    });
    declarations.push(`${comment}export interface ${name} {\n${lines.join('\n')}\n}`);
  } else throw new Error(`unsupported type ${JSON.stringify(type)}`);
  return name;
}

/** The whole generated file for schemas given as parsed JSON, in order. */
export function generate(schemas: readonly AvroNamed[]): string {
  const declarations: string[] = [];
  const names = schemas.map((schema) => typeText(schema, declarations));
  const values = schemas.map((schema, index) => `  ${names[index]}: ${JSON.stringify(schema)},`);
  return [
    '// Generated from schemas/avro/*.avsc by `npm run generate`; do not edit.\n',
    ...declarations.map((text) => `${text}\n`),
    `export interface Schemas {\n${names.map((name) => `  readonly ${name}: ${name};`).join('\n')}\n}\n`,
    'export type SchemaName = keyof Schemas;\n',
    `export const AVRO_SCHEMAS = {\n${values.join('\n')}\n} as const;\n`,
  ].join('\n');
}

const FOLDER = new URL('./avro/', import.meta.url);
const TARGET = new URL('./generated.ts', import.meta.url);

/** What schemas/generated.ts must hold now. */
export function generatedNow(): string {
  const files = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.avsc'))
    .sort();
  return generate(files.map((file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as AvroNamed));
}

if (import.meta.main) {
  const text = generatedNow();
  if (process.argv.includes('--check')) {
    if (readFileSync(TARGET, 'utf8') !== text) {
      process.stderr.write('schemas/generated.ts is not what schemas/avro gives: run `npm run generate`\n');
      process.exitCode = 1;
    }
  } else writeFileSync(TARGET, text);
}
