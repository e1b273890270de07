// What a process that is killed leaves on its disk for the last word of its epoch, which its successor writes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../../service/backoff.ts', () => ({
  backoffMs: () => 0,
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
}));

const PATIENCE_MS = 20_000;

let folder: string;
let log: ScriptedAppender;
let open: Spooling[];
/** Sources whose frames the log does not answer for. */
let stuck: string | undefined;

function newLog(): ScriptedAppender {
  return new ScriptedAppender(({ records }) =>
    records.some(({ headers }) => headers?.['source'] === stuck) ? 'unknown' : 'acked',
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'));
  stuck = undefined;
  log = newLog();
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((one) => one.kill().catch(() => undefined)));
  rmSync(folder, { recursive: true, force: true });
});

async function start(epoch: string): Promise<Spooling> {
  const opened = await Spooling.open({ path: join(folder, 'spool.sqlite'), epoch, log });
  open.push(opened);
  opened.spool.start();
  return opened;
}

async function untilSettled({ ingest }: Spooling, number: number): Promise<void> {
  await vi.waitFor(() => expect(ingest.settlement.settledUpTo).toBe(number), PATIENCE_MS);
}

test('says where it had appended what it calls settled, though nothing of it was in the spool', async () => {
  const one = await start('e1');
  for (const source of ['a', 'b', 'c']) one.receive(source);
  await untilSettled(one, 3);
  await one.spool.stop();
  await one.kill();
  const next = await start('e2');
  await next.settle();
  expect(next.closings.map(({ row }) => [row.settledUpTo, row.ends])).toEqual([[3, one.ingest.ends]]);
  expect(one.ingest.ends.length).toBeGreaterThan(0);
});

test('says so also where it was last written down with a group of frames', async () => {
  const one = await start('e1');
  one.add('a', 1);
  await untilSettled(one, 1);
  log.hold();
  one.add('a', 2);
  await one.spool.synced();
  await one.kill();
  log.release();
  const next = await start('e2');
  await next.settle();
  expect(next.closings.map(({ row }) => [row.settledUpTo, row.ends])).toEqual([[1, one.ingest.ends]]);
});

test('says where processes between it and the one that closes it had appended what its spool had', async () => {
  const [first, second] = ['a', 'b'];
  const one = await start('e1');
  log.hold();
  for (const source of [first, second]) {
    one.add(source, 1);
    await one.spool.synced();
  }
  await one.kill();
  log = newLog();
  stuck = second;
  const between = await start('e2');
  await vi.waitFor(() => expect(between.ingest.appendedTotal).toBe(1), PATIENCE_MS);
  await between.spool.stop();
  await between.kill();
  stuck = undefined;
  const last = await start('e3');
  await last.settle();
  expect(last.ingest.appendedTotal).toBe(1);
  const partitionsOf = (process: Spooling) => process.ingest.ends.map(({ partition }) => partition);
  expect(partitionsOf(between)).not.toEqual(partitionsOf(last));
  expect(last.closings.map(({ row }) => [row.epoch, row.ends])).toEqual([
    ['e1', between.ingest.ends],
    ['e2', between.ingest.ends],
  ]);
});
