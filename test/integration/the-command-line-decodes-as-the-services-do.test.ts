// Excludes: a command that calls a record undecodable which the services decode, because only they know what the registry once
// said; and one that decodes what the services refuse, because its id has had another schema.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import { SchemaFiles } from '../../kafka/schema-files.ts';
import { AVRO_SCHEMAS } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { createLogger } from '../../service/logger.ts';
import { homeOfStack } from '../../service/stack-file.testing.ts';
import { incomingEvent } from '../support/incoming-events.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { scratchDatabase } from '../support/scratch-database.ts';

/** No registry of a test gives out so many. */
const FORGOTTEN_ID = 2_000_000_000;

test('pmc dlq redrive knows what the registry of its stack said before it was emptied', async () => {
  const registryUrl = inject('registryUrl');
  const database = await scratchDatabase(inject('databaseUrl'));
  onTestFinished(() => database[Symbol.asyncDispose]());
  const addresses = { brokers: [...inject('brokers')], registryUrl, databaseUrl: database.url };
  const home = homeOfStack({ artifacts: inject('artifacts'), addresses });

  const codec = new Codec(registryUrl);
  await codec.prepare([TOPIC.incoming]);
  const withId = (offset: number, id?: number): Buffer => {
    const event = incomingEvent({ id: `m${offset}`, content: 'x' }, { id: `m${offset}` });
    const bytes = codec.encode(TOPIC.incoming, event);
    if (id !== undefined) bytes.writeInt32BE(id, 1);
    return bytes;
  };
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  onTestFinished(() => pool.end());
  const quarantined = async (offset: number, raw: Buffer): Promise<void> => {
    await pool.query(
      `insert into quarantine (incarnation, topic, partition, record_offset, code, reason, raw)
       values ($1, $2, 0, $3, 'PMC_CODEC_UNKNOWN_SCHEMA', 'bad', $4)`,
      [randomUUID(), TOPIC.incoming, offset, raw],
    );
  };
  const redriven = async () => {
    const { stdout } = await pmcCommand({ PMC_HOME: home }, 'dlq', 'redrive', '--all', '--execute');
    return stdout;
  };

  // The folder in which the services of a stack keep what they were told.
  const files = new SchemaFiles({ folder: join(home, 'schemas'), registryUrl, logger: createLogger('test', 'silent') });
  files.load();
  files.keep({ id: FORGOTTEN_ID, subject: null, schema: AVRO_SCHEMAS.IncomingEvent });
  await quarantined(1, withId(1, FORGOTTEN_ID));
  expect((await redriven()).trim()).toBe('0/1  stored');

  const usual = withId(2);
  files.keep({ id: usual.readInt32BE(1), subject: null, schema: { type: 'string' } });
  await quarantined(2, usual);
  expect(await redriven()).toMatch(/^0\/2 {2}still-bad {2}PMC_SCHEMA_ID_REUSED: /);
});
