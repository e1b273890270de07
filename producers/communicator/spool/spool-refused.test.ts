import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { eventsOf, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../../service/backoff.ts', () => ({
  backoffMs: () => 0,
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
}));

let folder: string;
let log: ScriptedAppender;
let open: Spooling[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'));
  log = new ScriptedAppender();
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((one) => one.kill().catch(() => undefined)));
  rmSync(folder, { recursive: true, force: true });
});

async function start(epoch = 'e1'): Promise<Spooling> {
  const opened = await Spooling.open({ path: join(folder, 'spool.sqlite'), epoch, log });
  open.push(opened);
  opened.spool.start();
  return opened;
}

/** The numbers in the ids of a source's events, as they lie on the log. */
async function numbersOf(source: string): Promise<readonly number[]> {
  const events = await eventsOf(log);
  return events.filter((event) => event.source === source).map(({ id }) => Number(id?.slice(1)));
}

function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1);
}

/** What stays in the file while nobody has it. */
function kept(): readonly unknown[] {
  const db = new DatabaseSync(join(folder, 'spool.sqlite'));
  try {
    return db.prepare('select id, damaged, numbers from spooled where body is not null').all();
  } finally {
    db.close();
  }
}

describe('a frame that no topic takes', () => {
  const refusing = () =>
    new ScriptedAppender(({ records }) => (records.some(({ value }) => value.includes('"m4"')) ? 'rejected' : 'acked'));
  const setAside = { id: 4, damaged: 1, numbers: '[{"from":4,"to":4}]' };

  test('stays on the disk for an operator, named, and holds up nothing behind it', async () => {
    log = refusing();
    const one = await start();
    for (const number of upTo(9)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.settle();
    expect(await numbersOf('a')).toEqual([1, 2, 3, 5, 6, 7, 8, 9]);
    expect([one.health.report().checks['spool-set-aside']?.ready, one.spool.bytes]).toEqual([false, 0]);
    expect(one.ingest.settlement.takeElsewhere()).toEqual([{ from: 4, to: 4, reason: 'refused-by-broker' }]);
    await one.end();
    expect(kept()).toEqual([setAside]);
  });

  test('of an earlier process stays there too', async () => {
    const one = await start();
    log.hold();
    for (const number of upTo(5)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.kill();
    log = refusing();
    const next = await start('e2');
    await next.settle();
    expect(await numbersOf('a')).toEqual([1, 2, 3, 5]);
    expect(next.health.report().checks['spool-set-aside']?.ready).toBe(false);
    await next.end();
    expect(kept()).toEqual([setAside]);
  });

  test('is not forgotten where the disk does not take note of it: it is tried again', async () => {
    log = refusing();
    const one = await start();
    one.failing.add('setAside');
    for (const number of upTo(5)) {
      one.add('a', number);
      await one.spool.synced();
    }
    await one.settle();
    expect(one.spool.bytes).toBeGreaterThan(0);
    one.failing.clear();
    await one.settle();
    expect(one.spool.bytes).toBe(0);
    await one.end();
    expect(kept()).toEqual([setAside]);
  });
});
