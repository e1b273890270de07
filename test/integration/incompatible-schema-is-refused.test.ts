// The real registry keeps old records readable: it refuses a schema that could not read them.
import { randomUUID } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import { registerSchema } from '../../kafka/schema-registration.ts';
import { AVRO_SCHEMAS } from '../../schemas/generated.ts';

const CURRENT = AVRO_SCHEMAS.IncomingEvent;

/** A subject of the test's own: the registry may be shared. */
async function freshSubject(): Promise<{
  readonly subject: string;
  readonly register: (schema: object) => Promise<number>;
}> {
  const subject = `test-${randomUUID()}-value`;
  const register = (schema: object): Promise<number> => registerSchema(inject('registryUrl'), subject, schema);
  await register(CURRENT);
  return { subject, register };
}

describe('a change of IncomingEvent', () => {
  test.each<[string, object]>([
    ['a new field without a default', { ...CURRENT, fields: [...CURRENT.fields, { name: 'tenant', type: 'string' }] }],
    [
      'another type of a field',
      {
        ...CURRENT,
        fields: CURRENT.fields.map((field) => (field.name === 'ingestSeq' ? { ...field, type: 'string' } : field)),
      },
    ],
    [
      'a renamed field',
      {
        ...CURRENT,
        fields: CURRENT.fields.map((field) => (field.name === 'source' ? { ...field, name: 'origin' } : field)),
      },
    ],
  ])('%s is refused', async (_what, schema) => {
    const { subject, register } = await freshSubject();
    await expect(register(schema)).rejects.toMatchObject({ code: 'PMC_SCHEMA_INCOMPATIBLE', details: { subject } });
  });

  test('a new field with a default is accepted', async () => {
    const { register } = await freshSubject();
    const tenant = { name: 'tenant', type: ['null', 'string'], default: null };
    await expect(register({ ...CURRENT, fields: [...CURRENT.fields, tenant] })).resolves.toEqual(expect.any(Number));
  });

  test('registering the same schema again changes nothing', async () => {
    const { register } = await freshSubject();
    expect(await register(CURRENT)).toBe(await register(CURRENT));
  });
});
