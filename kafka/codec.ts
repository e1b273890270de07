// Values on the log: a zero byte, the schema id (4 bytes, big endian), Avro. Which schema an id means is known by
// schema-ids.ts; encoding and decoding are done here with resolvers built once, because the registry's client parses a reader
// schema at every call (400 times slower).
import avro from 'avsc';
import { AVRO_SCHEMAS, type SchemaName, type Schemas } from '../schemas/generated.ts';
import type { TopicName } from '../schemas/topics.ts';
import { PmcError } from '../service/errors.ts';
import { createLogger, type Logger } from '../service/logger.ts';
import { SchemaIds } from './schema-ids.ts';
import { SCHEMA_OF_TOPIC, subjectOf } from './schema-registration.ts';

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PmcError };

const MAGIC = 0;
const HEADER_BYTES = 5;
const REFUSED_KEPT_MS = 10_000;

const TYPES = Object.fromEntries(
  Object.entries(AVRO_SCHEMAS).map(([name, schema]) => [name, avro.Type.forSchema(schema as unknown as avro.Schema)]),
) as Readonly<Record<SchemaName, avro.Type>>;

export type ValueOf<T extends TopicName> = Schemas[(typeof SCHEMA_OF_TOPIC)[T]];

export interface CodecOptions {
  /** Folder in which the registry's answers are kept, so that this process can start without it. */
  readonly cacheFolder?: string | undefined;
  readonly logger?: Logger;
  /** The registry, back again, no longer has what this process writes with. */
  readonly onWriterLost?: (error: PmcError) => void;
}

export class Codec {
  readonly #ids: SchemaIds;
  readonly #writerIds = new Map<TopicName, number>();
  /** How to read what was written with a schema id, per reader schema. */
  readonly #readers = new Map<string, Promise<avro.Type | avro.Resolver>>();

  constructor(registryUrl: string, { cacheFolder, logger, onWriterLost }: CodecOptions = {}) {
    this.#ids = new SchemaIds({
      registryUrl,
      cacheFolder,
      logger: logger ?? createLogger('codec', 'silent'),
      onWriterLost: onWriterLost ?? (() => undefined),
    });
  }

  /**
   * Finds the ids of the schemas this process writes with: asks the registry and, where it is away, the files. Throws when it
   * lacks one, and when it is away and was never asked before.
   */
  async prepare(topics: readonly TopicName[]): Promise<void> {
    const find = async (topic: TopicName): Promise<void> => {
      const id = await this.#ids.idOf(subjectOf(topic), AVRO_SCHEMAS[SCHEMA_OF_TOPIC[topic]]);
      this.#writerIds.set(topic, id);
    };
    await Promise.all(topics.map(find));
  }

  /** Synchronous; `prepare` must have been called with the topic. Throws PMC_SCHEMA_ID_REUSED. */
  encode<T extends TopicName>(topic: T, value: ValueOf<T>): Buffer {
    const id = this.#writerIds.get(topic);
    if (id === undefined) throw new Error(`the codec was not prepared for ${topic}`);
    const dispute = this.#ids.dispute(id);
    if (dispute !== undefined) throw dispute;
    const body = TYPES[SCHEMA_OF_TOPIC[topic]].toBuffer(value);
    const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    bytes.writeUInt8(MAGIC, 0);
    bytes.writeInt32BE(id, 1);
    body.copy(bytes, HEADER_BYTES);
    return bytes;
  }

  /**
   * Decodes a record's value. A value that can never be decoded is data (`ok: false`); a registry that does not answer
   * is thrown as PMC_REGISTRY_UNREACHABLE, because the same call may succeed later.
   */
  async decode<T extends TopicName>(topic: T, bytes: Buffer | null): Promise<Decoded<ValueOf<T>>> {
    const malformed = (message: string, cause?: unknown): Decoded<never> => ({
      ok: false,
      error: new PmcError('PMC_CODEC_MALFORMED', message, { topic }, { cause }),
    });
    if (bytes === null) return malformed('the record has no value');
    if (bytes.length < HEADER_BYTES)
      return malformed(`the value has ${bytes.length} bytes, less than the 5 of its header`);
    if (bytes.readUInt8(0) !== MAGIC) return malformed('the value does not begin with the registry magic byte 0');
    const schemaId = bytes.readInt32BE(1);
    const dispute = this.#ids.dispute(schemaId);
    if (dispute !== undefined) return { ok: false, error: dispute };
    const name = SCHEMA_OF_TOPIC[topic];
    let reader: avro.Type | avro.Resolver;
    try {
      reader = await this.#readerFor(name, schemaId);
    } catch (error) {
      if (error instanceof PmcError && error.code === 'PMC_REGISTRY_UNREACHABLE') throw error;
      return { ok: false, error: error instanceof PmcError ? error : unknownSchema(schemaId, error) };
    }
    try {
      const type = TYPES[name];
      const body = bytes.subarray(HEADER_BYTES);
      return { ok: true, value: reader instanceof avro.Type ? type.fromBuffer(body) : type.fromBuffer(body, reader) };
    } catch (error) {
      return malformed(`the value does not decode with schema ${schemaId}`, error);
    }
  }

  #readerFor(name: SchemaName, schemaId: number): Promise<avro.Type | avro.Resolver> {
    const key = `${name}/${schemaId}`;
    let reader = this.#readers.get(key);
    if (reader === undefined) {
      reader = this.#loadReader(name, schemaId);
      this.#readers.set(key, reader);
      // What failed because the registry was away must be asked again; what it refused is asked again after a while,
      // because a registry can be put right while this process runs.
      reader.catch((error: unknown) => {
        const isAway = error instanceof PmcError && error.code === 'PMC_REGISTRY_UNREACHABLE';
        if (isAway) this.#readers.delete(key);
        else setTimeout(() => this.#readers.delete(key), REFUSED_KEPT_MS).unref();
      });
    }
    return reader;
  }

  async #loadReader(name: SchemaName, schemaId: number): Promise<avro.Type | avro.Resolver> {
    let found: object;
    try {
      found = await this.#ids.schema(schemaId);
    } catch (error) {
      if (error instanceof PmcError && error.code === 'PMC_SCHEMA_NOT_REGISTERED') throw unknownSchema(schemaId, error);
      throw error;
    }
    const writer = avro.Type.forSchema(structuredClone(found) as avro.Schema);
    return JSON.stringify(writer.schema()) === JSON.stringify(TYPES[name].schema())
      ? writer
      : TYPES[name].createResolver(writer);
  }
}

function unknownSchema(schemaId: number, cause: unknown): PmcError {
  return new PmcError(
    'PMC_CODEC_UNKNOWN_SCHEMA',
    `no schema with id ${schemaId} in the registry`,
    { schemaId },
    { cause },
  );
}
