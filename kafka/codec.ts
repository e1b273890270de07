// Values on the log: a zero byte, the schema id (4 bytes, big endian), Avro. Which schema an id means is known by
// schema-ids.ts; encoding and decoding are done here with resolvers built once, because the registry's client parses a reader
// schema at every call (400 times slower). Incoming events are written by heart (event-writer.ts).
import avro from 'avsc';
import { AVRO_SCHEMAS, type IncomingEvent, type SchemaName, type Schemas } from '../schemas/generated.ts';
import { TOPIC, type TopicName } from '../schemas/topics.ts';
import { PmcError } from '../service/errors.ts';
import { createLogger, type Logger } from '../service/logger.ts';
import { patchBlocks } from './avro-blocks.ts';
import { EventWriter } from './event-writer.ts';
import { SchemaIds } from './schema-ids.ts';
import { SCHEMA_OF_TOPIC, subjectOf } from './schema-registration.ts';

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PmcError };

const MAGIC = 0;
const HEADER_BYTES = 5;
const REFUSED_KEPT_MS = 10_000;

type Reader = avro.Type | avro.Resolver;

// At import, as the patches of kafkajs: a library that is not the one reviewed ends the process before it reads.
patchBlocks();

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
  /** How to read what was written with a schema id, by what it is read as. */
  readonly #readers = new Map<SchemaName, Map<number, Promise<Reader>>>();
  /** Those of them that are there. */
  readonly #known = new Map<SchemaName, Map<number, Reader>>();
  readonly #events = new EventWriter(HEADER_BYTES);

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
    const bytes = topic === TOPIC.incoming ? this.#events.write(value as IncomingEvent) : toBytes(topic, value);
    bytes[0] = MAGIC;
    bytes.writeInt32BE(id, 1);
    return bytes;
  }

  /**
   * Decodes a record's value. A value that can never be decoded is data (`ok: false`); a registry that does not answer
   * is thrown as PMC_REGISTRY_UNREACHABLE, because the same call may succeed later.
   */
  async decode<T extends TopicName>(topic: T, bytes: Buffer | null): Promise<Decoded<ValueOf<T>>> {
    return await this.#decode(topic, bytes);
  }

  /** The same of many values one by one, for who keeps none of them. Nothing waits but for schemas that are not known yet. */
  async decodeEach<T extends TopicName>(
    topic: T,
    values: readonly (Buffer | null)[],
    use: (decoded: Decoded<ValueOf<T>>, index: number) => void,
  ): Promise<void> {
    for (const [index, value] of values.entries()) {
      const one = this.#decode(topic, value);
      use(one instanceof Promise ? await one : one, index);
    }
  }

  /**
   * Whether a value was written with the very schema that this version has of the topic, so that who knows that one by heart can read
   * it. False, too, of one whose schema nobody has asked for yet.
   */
  isOfThisVersion(topic: TopicName, bytes: Buffer): boolean {
    if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC) return false;
    const schemaId = bytes.readInt32BE(1);
    const known = this.#known.get(SCHEMA_OF_TOPIC[topic])?.get(schemaId);
    return known instanceof avro.Type && this.#ids.dispute(schemaId) === undefined;
  }

  #decode<T extends TopicName>(topic: T, bytes: Buffer | null): Decoded<ValueOf<T>> | Promise<Decoded<ValueOf<T>>> {
    if (bytes === null) return malformed(topic, 'the record has no value');
    if (bytes.length < HEADER_BYTES)
      return malformed(topic, `the value has ${bytes.length} bytes, less than the 5 of its header`);
    if (bytes.readUInt8(0) !== MAGIC)
      return malformed(topic, 'the value does not begin with the registry magic byte 0');
    const schemaId = bytes.readInt32BE(1);
    const dispute = this.#ids.dispute(schemaId);
    if (dispute !== undefined) return { ok: false, error: dispute };
    const known = this.#known.get(SCHEMA_OF_TOPIC[topic])?.get(schemaId);
    return known === undefined ? this.#ask(topic, bytes, schemaId) : read(topic, bytes, schemaId, known);
  }

  async #ask<T extends TopicName>(topic: T, bytes: Buffer, schemaId: number): Promise<Decoded<ValueOf<T>>> {
    let reader: Reader;
    try {
      reader = await this.#readerFor(SCHEMA_OF_TOPIC[topic], schemaId);
    } catch (error) {
      if (error instanceof PmcError && error.code === 'PMC_REGISTRY_UNREACHABLE') throw error;
      return { ok: false, error: error instanceof PmcError ? error : unknownSchema(schemaId, error) };
    }
    return read(topic, bytes, schemaId, reader);
  }

  #readerFor(name: SchemaName, schemaId: number): Promise<Reader> {
    const readers = within(this.#readers, name);
    let reader = readers.get(schemaId);
    if (reader === undefined) {
      reader = this.#loadReader(TYPES[name], schemaId);
      readers.set(schemaId, reader);
      // What failed because the registry was away must be asked again; what it refused is asked again after a while,
      // because a registry can be put right while this process runs.
      const keep = (found: Reader): void => void within(this.#known, name).set(schemaId, found);
      reader.then(keep, (error: unknown) => {
        const isAway = error instanceof PmcError && error.code === 'PMC_REGISTRY_UNREACHABLE';
        if (isAway) readers.delete(schemaId);
        else setTimeout(() => readers.delete(schemaId), REFUSED_KEPT_MS).unref();
      });
    }
    return reader;
  }

  async #loadReader(type: avro.Type, schemaId: number): Promise<Reader> {
    let found: object;
    try {
      found = await this.#ids.schema(schemaId);
    } catch (error) {
      if (error instanceof PmcError && error.code === 'PMC_SCHEMA_NOT_REGISTERED') throw unknownSchema(schemaId, error);
      throw error;
    }
    const writer = avro.Type.forSchema(structuredClone(found) as avro.Schema);
    return JSON.stringify(writer.schema()) === JSON.stringify(type.schema()) ? writer : type.createResolver(writer);
  }
}

/** Avro behind room for the header, of what there is not much of. */
function toBytes(topic: TopicName, value: unknown): Buffer {
  const body = TYPES[SCHEMA_OF_TOPIC[topic]].toBuffer(value);
  return Buffer.concat([Buffer.alloc(HEADER_BYTES), body]);
}

function within<T>(all: Map<SchemaName, Map<number, T>>, name: SchemaName): Map<number, T> {
  const found = all.get(name) ?? new Map<number, T>();
  all.set(name, found);
  return found;
}

function read<T extends TopicName>(topic: T, bytes: Buffer, schemaId: number, reader: Reader): Decoded<ValueOf<T>> {
  const type = TYPES[SCHEMA_OF_TOPIC[topic]];
  try {
    const body = bytes.subarray(HEADER_BYTES);
    return { ok: true, value: reader instanceof avro.Type ? type.fromBuffer(body) : type.fromBuffer(body, reader) };
  } catch (error) {
    return malformed(topic, `the value does not decode with schema ${schemaId}`, error);
  }
}

function malformed(topic: TopicName, message: string, cause?: unknown): Decoded<never> {
  return { ok: false, error: new PmcError('PMC_CODEC_MALFORMED', message, { topic }, { cause }) };
}

function unknownSchema(schemaId: number, cause: unknown): PmcError {
  return new PmcError(
    'PMC_CODEC_UNKNOWN_SCHEMA',
    `no schema with id ${schemaId} in the registry`,
    { schemaId },
    { cause },
  );
}
