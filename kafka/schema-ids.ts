// Which schema has which id: asked of the registry with a time limit, kept in files, and taken from the files while the
// registry is away. Then it is asked again in the background until it answers, because a registry that was emptied gives the
// same ids to other schemas: an id with two meanings is disputed, and nothing is decoded or encoded with it any more.
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro from 'avsc';
import { PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import { type RegistryAccess, registryAccess } from './registry-access.ts';
import { isSchemaRegistry, registryError } from './registry-errors.ts';
import { type KeptSchema, SchemaFiles } from './schema-files.ts';

export interface SchemaIdsOptions {
  readonly registryUrl: string;
  readonly logger: Logger;
  /** Folder of the files; without one, nothing outlives the process. */
  readonly cacheFolder: string | undefined;
  /** What this process writes with is no longer what the registry has. */
  readonly onWriterLost: (error: PmcError) => void;
}

const ANSWER_MS = 5_000;
const CONFIRM_AFTER_MS = 5_000;

export class SchemaIds {
  readonly #options: SchemaIdsOptions;
  readonly #access: RegistryAccess;
  readonly #registry: SchemaRegistry;
  readonly #files: SchemaFiles | undefined;
  readonly #schemas = new Map<number, { readonly schema: object; readonly layout: string }>();
  /** What subjects hold, as they were asked. */
  readonly #held: KeptSchema[] = [];
  /** Ids that the registry has not confirmed since the process began. */
  readonly #unconfirmed = new Set<number>();
  readonly #disputes = new Map<number, PmcError>();
  readonly #writerIds = new Set<number>();
  #isConfirming = false;

  constructor(options: SchemaIdsOptions) {
    const { registryUrl, logger, cacheFolder: folder } = options;
    this.#options = options;
    const { url, ...login } = registryAccess(registryUrl);
    this.#access = { url, ...login };
    // The library merges these into a setting of the whole process, so they are the same wherever it is used.
    this.#registry = new SchemaRegistry({ host: url, ...login, retry: { retries: 2, initialRetryTimeInSecs: 0.1 } });
    this.#files = folder === undefined ? undefined : new SchemaFiles({ folder, registryUrl: url, logger });
    for (const kept of this.#files?.load() ?? []) {
      if (this.#isDisputed(kept)) continue;
      this.#remember(kept);
      this.#unconfirmed.add(kept.id);
    }
  }

  /** Why nothing may be decoded or encoded with this id, if so. */
  dispute(id: number): PmcError | undefined {
    return this.#disputes.get(id);
  }

  /** The id under which the subject holds this schema. Throws PMC_REGISTRY_UNREACHABLE, _SCHEMA_NOT_REGISTERED or _SCHEMA_ID_REUSED. */
  async idOf(subject: string, schema: object): Promise<number> {
    let id: number;
    try {
      const question: Parameters<SchemaRegistry['getRegistryIdBySchema']>[1] = {
        type: SchemaType.AVRO,
        schema: JSON.stringify(schema),
      };
      id = await this.#ask(subject, () => this.#registry.getRegistryIdBySchema(subject, question));
      this.#learn({ id, subject, schema });
    } catch (error) {
      const remembered = this.#rememberedId(subject, schema);
      if (remembered === undefined || !isAway(error)) throw error;
      this.#goOnWith(remembered, error);
      id = remembered;
    }
    this.#writerIds.add(id);
    return id;
  }

  /** The schema with this id. Throws PMC_REGISTRY_UNREACHABLE, PMC_SCHEMA_NOT_REGISTERED or PMC_SCHEMA_ID_REUSED. */
  async schema(id: number): Promise<object> {
    const remembered = this.#schemas.get(id)?.schema;
    if (remembered !== undefined && !this.#unconfirmed.has(id)) return remembered;
    try {
      return await this.#fetch(id);
    } catch (error) {
      const isLastCopy = error instanceof PmcError && error.code === 'PMC_SCHEMA_NOT_REGISTERED';
      if (remembered === undefined || !(isAway(error) || isLastCopy)) throw error;
      this.#goOnWith(id, error);
      return remembered;
    }
  }

  async #fetch(id: number): Promise<object> {
    // The library gives its own object; what is kept is what the registry sent, as plain JSON.
    const found = await this.#ask(`schema ${id}`, () => this.#registry.getSchema(id));
    const schema = JSON.parse(JSON.stringify(found)) as object;
    this.#learn({ id, subject: null, schema });
    return schema;
  }

  #learn(answer: KeptSchema): void {
    if (this.#isDisputed(answer)) throw this.#disputes.get(answer.id) ?? new Error('a dispute without its reason');
    this.#unconfirmed.delete(answer.id);
    this.#remember(answer);
    this.#files?.keep(answer);
  }

  #remember(answer: KeptSchema): void {
    const { id, schema } = answer;
    this.#schemas.set(id, { schema, layout: layoutOf(schema) });
    if (answer.subject !== null && this.#rememberedId(answer.subject, schema) !== id) this.#held.push(answer);
  }

  #rememberedId(wanted: string, text: object): number | undefined {
    // The whole text, not the layout: a schema that differs in a default has an id of its own.
    const isIt = ({ subject, schema }: KeptSchema) =>
      subject === wanted && JSON.stringify(schema) === JSON.stringify(text);
    return this.#held.findLast((held) => isIt(held) && !this.#disputes.has(held.id))?.id;
  }

  #isDisputed({ id, schema }: KeptSchema): boolean {
    const known = this.#schemas.get(id);
    if (this.#disputes.has(id)) return true;
    if (known === undefined || known.layout === layoutOf(schema)) return false;
    const { cacheFolder, logger } = this.#options;
    const { url: registryUrl } = this.#access;
    const message = `schema id ${id} of ${registryUrl} had another schema before (kept in ${cacheFolder ?? 'memory'}); nothing is decoded or encoded with it`;
    const error = new PmcError('PMC_SCHEMA_ID_REUSED', message, { id, registryUrl, cacheFolder });
    this.#disputes.set(id, error);
    logger.error({ id, before: known.schema, now: schema, code: error.code }, 'codec.schema.disputed');
    return true;
  }

  #goOnWith(id: number, because: unknown): void {
    this.#options.logger.warn({ id, reason: String(because) }, 'codec.schema.unconfirmed');
    if (this.#isConfirming) return;
    this.#isConfirming = true;
    this.#confirmLater();
  }

  #confirmLater(): void {
    setTimeout(() => void this.#confirm(), CONFIRM_AFTER_MS).unref();
  }

  async #confirm(): Promise<void> {
    for (const id of this.#unconfirmed) {
      try {
        await this.#fetch(id);
      } catch (error) {
        if (isAway(error)) break;
        // The file has the last copy: right for what was written then, and of no use to write with.
        this.#unconfirmed.delete(id);
        if (this.#writerIds.has(id) && error instanceof PmcError) this.#options.onWriterLost(error);
      }
    }
    this.#isConfirming = this.#unconfirmed.size > 0;
    if (this.#isConfirming) this.#confirmLater();
  }

  async #ask<T>(subject: string, question: () => Promise<T>): Promise<T> {
    const { url: registryUrl } = this.#access;
    let timer: NodeJS.Timeout | undefined;
    const overdue = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    try {
      return await Promise.race([question(), overdue]);
    } catch (error) {
      const known = registryError(error, registryUrl, subject);
      // Whatever stands in front of a registry that is away also says 404, and that is no word about the schema.
      if (known.code !== 'PMC_SCHEMA_NOT_REGISTERED' || (await isSchemaRegistry(this.#access, ANSWER_MS))) throw known;
      const message = `what answers at ${registryUrl} is no schema registry; PMC_REGISTRY_URL names it`;
      throw new PmcError('PMC_REGISTRY_UNREACHABLE', message, { registryUrl, subject }, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof PmcError && error.code === 'PMC_REGISTRY_UNREACHABLE';
}

/** The schema without what does not change the bytes: documentation, defaults, spaces. */
function layoutOf(schema: object): string {
  return JSON.stringify(avro.Type.forSchema(structuredClone(schema) as avro.Schema).schema());
}
