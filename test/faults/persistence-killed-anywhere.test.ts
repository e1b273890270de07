// kill -9 of persistence services at each named point, by themselves, in the middle of their work, while two others of their group take
// over. At the end every offset is in one account, every message has its state, and nothing is quarantined. One seed is one kill;
// those of a round die beside each other, for most of a kill's time is the group's wait for the dead. PMC_FAULTS=long runs 200 of them;
// its last result is kept in last-persistence-run.json.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { pause } from '../../service/backoff.ts';
import { IS_LONG, keepResult } from '../support/log/suite-form.ts';
import { type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { StoredLoad } from '../support/stored-load.ts';

const RESULT = new URL('./last-persistence-run.json', import.meta.url);
const POINTS = [
  ...['persistence.batch.decoded', 'persistence.copy.sent', 'persistence.rows.inserted', 'persistence.rows.committed'],
  ...['persistence.fold.written', 'persistence.fold.committed'],
] as const;
const SEEDS = IS_LONG ? 200 : 20;
/** Of six partitions each member of the group gets one. */
const IN_A_ROUND = 4;
const KILL_DEADLINE_MS = 240_000;

let database: ScratchDatabase;
let load: StoredLoad;

beforeAll(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  const { url: databaseUrl } = database;
  load = await StoredLoad.open({ brokers: inject('brokers'), registryUrl: inject('registryUrl'), databaseUrl });
});
afterAll(async () => {
  await load?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

interface Victim {
  readonly point: (typeof POINTS)[number];
  readonly service: ServiceProcess;
}

async function killed(victims: readonly Victim[]): Promise<void> {
  const alive = new Set(victims);
  for (const victim of victims) void victim.service.ended.then(() => alive.delete(victim));
  const deadline = Date.now() + KILL_DEADLINE_MS;
  while (alive.size > 0) {
    const late = Date.now() > deadline ? [...alive] : [];
    for (const { point, service } of late) throw new Error(`${point} was not reached:\n${service.log.slice(-4_000)}`);
    await load.append();
    await pause(250);
  }
  for (const { service } of victims) expect(await service.ended).toEqual({ code: null, signal: 'SIGKILL' });
}

test('every offset ends in one account wherever it is killed', { timeout: SEEDS * 60_000 }, async () => {
  const hit = new Map(POINTS.map((point) => [point, 0]));
  const others = [load.service(), load.service()];
  for (let seed = 0; seed < SEEDS; seed += IN_A_ROUND) {
    const victims = Array.from({ length: Math.min(IN_A_ROUND, SEEDS - seed) }, (_, index): Victim => {
      const point = POINTS[(seed + index) % POINTS.length] ?? POINTS[0];
      const nth = 1 + (Math.floor((seed + index) / POINTS.length) % 3);
      return { point, service: load.service({ PMC_KILL_AT: `${point}:${nth}` }) };
    });
    await killed(victims);
    for (const { point } of victims) hit.set(point, (hit.get(point) ?? 0) + 1);
  }
  await load.settled(others);
  for (const other of others) expect(await other.stop()).toEqual({ code: 0, signal: null });
  expect(Math.min(...hit.values())).toBeGreaterThan(0);
  const books = await load.expectWholeBooks();
  keepResult(RESULT, { kills: Object.fromEntries(hit), ...books });
});
