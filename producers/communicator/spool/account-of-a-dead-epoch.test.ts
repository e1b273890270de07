// What a process that is killed leaves on its disk for the last word of its epoch, which its successor writes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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

test('says so also where one of them ended well, with the last word for it or without', async () => {
  for (const isWordless of [false, true]) {
    const one = await start('e1');
    log.hold();
    one.add('a', 1);
    await one.spool.synced();
    await one.kill();
    log = newLog();
    const between = await start('e2');
    if (isWordless) between.failing.add('numbers');
    await vi.waitFor(() => expect(between.ingest.appendedTotal).toBe(1), PATIENCE_MS);
    await between.end();
    const last = await start('e3');
    await last.settle();
    const [closing] = (isWordless ? last : between).closings;
    expect(closing?.row.epoch).toBe('e1');
    expect(closing?.ends).toEqual(between.ingest.ends);
    await last.end();
    log = newLog();
  }
});

test('says that the spool may have had frames, before the first one has its number', async () => {
  for (const disk of ['full', 'hanging'] as const) {
    const one = await start(`${disk} 1`);
    one.receive('b');
    await untilSettled(one, 1);
    if (disk === 'full') one.failing.add('commit');
    else one.hanging.set('commit', new Promise(() => undefined));
    one.add('a', 1);
    await vi.waitFor(() => expect(one.calls).toContain('commit'), PATIENCE_MS);
    expect(one.ingest.settlement.received).toBe(2);
    await one.kill();
    const next = await start(`${disk} 2`);
    await next.settle();
    expect(next.closings.map(({ row }) => row.hasSpooled)).toEqual([true]);
    await next.end();
  }
});

test('says nothing of frames that could not even be told of, which have no number', async () => {
  const one = await start('e1');
  one.failing.add('willSpool');
  for (const number of [1, 2]) one.add('a', number);
  await vi.waitFor(() => expect(one.health.report().checks['spool']?.ready).toBe(false), PATIENCE_MS);
  expect([one.ingest.settlement.received, one.pauses]).toEqual([0, ['pause']]);
  one.receive('b');
  await untilSettled(one, 1);
  one.failing.clear();
  await one.settle();
  const found = (await eventsOf(log)).filter(({ source }) => source === 'a');
  expect(found.map(({ id, ingestSeq }) => [id, ingestSeq])).toEqual([
    ['m1', 2],
    ['m2', 3],
  ]);
  expect(one.pauses).toEqual(['pause', 'resume']);
});

test('stays where the disk does not let it be taken away: a process that closed its epoch itself ends as ever', async () => {
  const one = await start('e1');
  one.add('a', 1);
  await one.settle();
  one.failing.add('closeEpoch');
  await one.spool.stop();
  await one.spool.closed();
  await one.kill();
  const next = await start('e2');
  await next.settle();
  expect(next.closings.map(({ row }) => [row.epoch, row.settledUpTo])).toEqual([['e1', 1]]);
});

const FROM = { source: 'u', connection: 'one' };

test('names what was settled elsewhere since the log was told last, and nothing that it was told', async () => {
  const one = await start('e1');
  const { settlement } = one.ingest;
  one.ingest.settleElsewhere(FROM, 'sampled');
  settlement.takeElsewhere();
  settlement.toldElsewhere();
  one.ingest.settleElsewhere(FROM, 'duplicate');
  settlement.takeElsewhere();
  one.ingest.settleElsewhere(FROM, 'duplicate');
  await one.spool.stop();
  await one.kill();
  const next = await start('e2');
  await next.settle();
  const elsewhere = [2, 3].map((number) => ({ from: number, to: number, reason: 'duplicate' }));
  expect(next.closings.map(({ row }) => [row.settledUpTo, row.elsewhere])).toEqual([[3, elsewhere]]);
});

test('calls only so much settled with a group of frames as was named before, and forgets none that lies above', async () => {
  const one = await start('e1');
  one.ingest.settleElsewhere(FROM, 'duplicate');
  for (const number of [1, 2]) {
    one.add('a', number);
    await untilSettled(one, number + 1);
  }
  await one.kill();
  const next = await start('e2');
  await next.settle();
  const [closing] = next.closings;
  expect([closing?.row.settledUpTo, closing?.spooled.ranges]).toEqual([0, [{ from: 2, to: 3 }]]);
});

test('names ten thousand ranges at most, and calls settled what lies before the first that it leaves out', async () => {
  const one = await start('e1');
  one.add('a', 1);
  await untilSettled(one, 1);
  for (let number = 2; number <= 12_001; number += 1) one.ingest.settleElsewhere(FROM, `${number % 2}`);
  one.add('a', 2);
  await untilSettled(one, 12_002);
  await one.spool.stop();
  expect(one.spool.bytes).toBeGreaterThan(0);
  await one.kill();
  const next = await start('e2');
  await next.settle();
  const [closing] = next.closings;
  expect([closing?.row.settledUpTo, closing?.row.elsewhere.length]).toEqual([10_001, 10_000]);
  expect(closing?.spooled.without(10_002, 12_002)).toEqual([{ from: 10_002, to: 12_001 }]);
});

test('is on the disk with what it names before a group that it makes safe is forgotten', async () => {
  const one = await start('e1');
  one.ingest.settleElsewhere(FROM, 'duplicate');
  one.add('a', 1);
  await untilSettled(one, 2);
  one.failing.add('note');
  await one.spool.stop();
  expect(one.spool.bytes).toBeGreaterThan(0);
  one.failing.clear();
  await one.spool.stop();
  expect(one.spool.bytes).toBe(0);
});
