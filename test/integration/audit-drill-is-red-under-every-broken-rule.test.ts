// The detector, detected: on real servers the drill finds all that it planted and nothing else, leaves nothing behind, and turns
// red as soon as any one rule of the audit is broken.
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { drill, PlantedDrill } from '../../consumers/gap-detector/drill/drill.ts';
import { ALL_MUTATIONS } from '../../consumers/gap-detector/rule-mutations.testing.ts';
import { STAGES } from '../../consumers/gap-detector/verdict.ts';
import type { LogAdmin } from '../../kafka/log.ts';
import { type AuditServers, auditServers } from '../support/audit-servers.ts';

const OPTIONS = { seed: 7, records: 300, graceMs: 300 };

let servers: AuditServers;
let planted: PlantedDrill;

beforeAll(async () => {
  servers = await auditServers();
  planted = await PlantedDrill.plant(servers, OPTIONS);
});

afterAll(async () => {
  await planted[Symbol.asyncDispose]();
  await servers[Symbol.asyncDispose]();
});

async function traces(): Promise<{ topics: readonly string[]; groups: readonly string[]; schemas: number }> {
  const client = new pg.Client({ connectionString: inject('databaseUrl') });
  await client.connect();
  try {
    const { rowCount } = await client.query(`select from pg_namespace where nspname like 'pmc\\_drill\\_%'`);
    const { topics } = servers;
    const groups = [...(await topics.groupsNamed('pmc.drill.'))].sort();
    return { topics: [...(await topics.named('pmc.drill.'))].sort(), groups, schemas: rowCount ?? 0 };
  } finally {
    await client.end();
  }
}

/** A broker lists a topic that was deleted until it has heard of that itself. */
async function gone(before: Awaited<ReturnType<typeof traces>>): Promise<void> {
  await vi.waitFor(async () => expect(await traces()).toEqual(before), { timeout: 20_000, interval: 100 });
}

test.for([1, 2, 3])('seed %i: everything planted is found, nothing else is, and nothing stays behind', async (seed) => {
  const before = await traces();
  const { clean, ...found } = await drill(servers, { ...OPTIONS, seed });
  expect(clean).toEqual({ precision: 1, falseAlarms: [], wrongAccounts: [], isPassed: true, verdict: 'pass' });
  expect(found.cases.flatMap(({ missed }) => missed)).toEqual([]);
  expect(found).toMatchObject({ recall: 1, precision: 1, falseAlarms: [], wrongAccounts: [], isPassed: true });
  for (const stage of STAGES) {
    const planted = found.cases.filter((one) => one.stage === stage).map(({ planted: count }) => count > 0);
    expect(new Set(planted), stage).toEqual(new Set([true, false]));
  }
  await gone(before);
});

test('a drill that fails leaves nothing behind either', async () => {
  const before = await traces();
  const { admin } = servers;
  const failing: Pick<LogAdmin, 'topics' | 'ends' | 'setCommitted'> = {
    topics: (names) => admin.topics(names),
    ends: (topic) => admin.ends(topic),
    // The last that is planted.
    setCommitted: async (...given) => {
      await admin.setCommitted(...given);
      expect(await traces()).not.toEqual(before);
      throw new Error('the connection is gone');
    },
  };
  const planting = PlantedDrill.plant({ ...servers, admin: failing as LogAdmin }, OPTIONS);
  await expect(planting).rejects.toThrow('the connection is gone');
  await gone(before);
});

test('by the sound rules the planted log is found as planted', async () => {
  const found = await planted.audit();
  expect(found).toMatchObject({ recall: 1, precision: 1, isPassed: true });
});

test.for(ALL_MUTATIONS)('red when broken: $name', async ({ rules }) => {
  expect((await planted.audit(rules)).isPassed).toBe(false);
});

test('by the sound rules it still is, so that each of them was red for its rule alone', async () => {
  expect(await planted.audit()).toMatchObject({ recall: 1, precision: 1, falseAlarms: [], isPassed: true });
});
