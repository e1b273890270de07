// What a schema registry said, kept in files: so that a process which starts while the registry is away can still decode and
// encode. One file for each answer, written once and never changed, so several processes may share the folder. Each registry
// has a folder of its own there, because ids mean nothing elsewhere. A file that is not understood counts as not there.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import avro from 'avsc';
import { z } from 'zod';
import type { Logger } from '../service/logger.ts';
import { makeFolder } from '../service/make-folder.ts';
import { writePrivateFile } from '../service/private-file.ts';

/** One answer: the schema that has this id and, if it was asked so, the subject that holds it. */
export interface KeptSchema {
  readonly id: number;
  readonly schema: object;
  readonly subject: string | null;
}

export interface SchemaFilesOptions {
  readonly folder: string;
  /** Without a login. */
  readonly registryUrl: string;
  readonly logger: Logger;
}

const VERSION = 1;

const fileSchema = z.object({
  version: z.literal(VERSION),
  registry: z.string(),
  id: z
    .int()
    .min(-(2 ** 31))
    .max(2 ** 31 - 1),
  subject: z.string().nullable(),
  schema: z.looseObject({}).refine(isAvro, { error: 'is no Avro schema' }),
});

export class SchemaFiles {
  readonly #folder: string;
  readonly #registry: string;
  readonly #logger: Logger;
  readonly #kept = new Set<string>();

  constructor({ folder, registryUrl, logger }: SchemaFilesOptions) {
    this.#registry = registryUrl;
    this.#folder = join(folder, createHash('sha256').update(this.#registry).digest('hex').slice(0, 16));
    this.#logger = logger;
  }

  /** Everything that was kept. Never throws: without the files the registry is asked. */
  load(): readonly KeptSchema[] {
    let names: readonly string[];
    try {
      makeFolder(this.#folder, 0o700);
      names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    } catch (error) {
      this.#logger.warn({ folder: this.#folder, reason: String(error) }, 'codec.schemas.unreadable');
      return [];
    }
    return names.flatMap((name) => this.#read(name));
  }

  /** Never throws: what could not be kept is asked for again by the next process. */
  keep({ id, subject, schema }: KeptSchema): void {
    const name = fileName({ id, subject });
    if (this.#kept.has(name)) return;
    const content = { version: VERSION, registry: this.#registry, id, subject, schema };
    try {
      writePrivateFile(join(this.#folder, name), `${JSON.stringify(content, null, 2)}\n`);
      this.#kept.add(name);
    } catch (error) {
      this.#logger.warn({ file: join(this.#folder, name), reason: String(error) }, 'codec.schema.unkept');
    }
  }

  #read(name: string): readonly KeptSchema[] {
    const file = join(this.#folder, name);
    try {
      const { registry, ...kept } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      if (registry !== this.#registry) throw new Error(`is of the registry ${registry}`);
      if (name !== fileName(kept)) throw new Error('has the name of another');
      this.#kept.add(name);
      return [kept];
    } catch (error) {
      this.#logger.warn({ file, reason: String(error) }, 'codec.schema.ignored');
      return [];
    }
  }
}

function fileName({ id, subject }: Pick<KeptSchema, 'id' | 'subject'>): string {
  return subject === null ? `${id}.json` : `${id}.${encodeURIComponent(subject)}.json`;
}

function isAvro(schema: object): boolean {
  try {
    avro.Type.forSchema(structuredClone(schema) as avro.Schema);
    return true;
  } catch {
    return false;
  }
}
