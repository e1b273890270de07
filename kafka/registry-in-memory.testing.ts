// The schema registry's client without a registry, for tests that need the real codec:
//   vi.mock('@kafkajs/confluent-schema-registry', async (original) => ({ ...(await original<object>()), SchemaRegistry: RegistryInMemory }))
// One registry for the process, as the real one is one for all clients.

const schemas: string[] = [];
let failure: Error | undefined;
let asked = 0;

/** What the library throws for an answer of the registry, and (`unauthorized` missing) for a connection that it never got. */
export function registryAnswer(status: number): Error {
  return Object.assign(new Error(`status ${status}`), { status, unauthorized: status === 401 });
}

/** What the library throws when a subject does not hold a schema: the status is gone. */
export function registryLacks(): Error {
  return Object.assign(new Error('No schema registered'), { name: 'ConfluentSchemaRegistryError' });
}

export const registry = {
  /** Forgets all schemas: the next ones get the same ids again. */
  empty(): void {
    schemas.length = 0;
  },
  /** Makes every question fail, or none. */
  failWith(error: Error | undefined): void {
    failure = error;
  },
  /** How often a schema was asked for. */
  get asked(): number {
    return asked;
  },
  /** Registers a schema and returns its id; the same text has the same id. */
  idOf(schema: string): number {
    if (!schemas.includes(schema)) schemas.push(schema);
    return schemas.indexOf(schema) + 1;
  },
};

export class RegistryInMemory {
  getRegistryIdBySchema(_subject: string, { schema }: { readonly schema: string }): Promise<number> {
    return failure === undefined ? Promise.resolve(registry.idOf(schema)) : Promise.reject(failure);
  }

  getSchema(id: number): Promise<unknown> {
    asked += 1;
    const schema = schemas[id - 1];
    if (failure !== undefined) return Promise.reject(failure);
    return schema === undefined ? Promise.reject(registryAnswer(404)) : Promise.resolve(JSON.parse(schema));
  }
}
