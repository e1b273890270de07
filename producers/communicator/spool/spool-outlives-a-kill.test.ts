import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { eventsOf, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const PROGRAM = new URL('./doomed-spool.testing.ts', import.meta.url).pathname;

/** Runs until it kills itself or has said so many times that all is on the disk; the last number that it said. */
async function runUntilKilled(path: string, epoch: string, killAt: string, linesMax: number): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, path, epoch, killAt], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let said = 0;
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    said = Number(line);
    lines += 1;
    if (lines === linesMax) child.kill('SIGKILL');
  }
  expect((await ended)[1]).toBe('SIGKILL');
  return said;
}

const DEATHS: readonly (readonly [string, string, number])[] = [
  ['when the first frame has its number', 'communicator.numbered:1', Number.POSITIVE_INFINITY],
  ['between the number and the disk', 'communicator.numbered:137', Number.POSITIVE_INFINITY],
  ['when the first group is on the disk', 'communicator.spooled:1', Number.POSITIVE_INFINITY],
  ['when a later group is on the disk', 'communicator.spooled:9', Number.POSITIVE_INFINITY],
  ['at any moment', '', 1],
  ['at any moment later', '', 23],
];

test.for(DEATHS)(
  'a process killed %s leaves everything that it said was on the disk',
  { timeout: 60_000 },
  async ([, killAt, linesMax], context) => {
    const folder = mkdtempSync(join(tmpdir(), 'spool-'));
    context.onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'spool.sqlite');
    const first = await runUntilKilled(path, 'e1', killAt, linesMax);
    const second = await runUntilKilled(path, 'e2', killAt, linesMax);
    const log = new ScriptedAppender();
    const next = await Spooling.open({ path, epoch: 'e3', log });
    next.spool.start();
    const isClosed = (): void => {
      next.spool.tick();
      expect(next.closings).toHaveLength(2);
    };
    await vi.waitFor(isClosed, 20_000);
    await next.kill();
    const events = await eventsOf(log);
    for (const [epoch, said] of [
      ['e1', first],
      ['e2', second],
    ] as const) {
      const numbers = events.filter(({ gatewayEpoch }) => gatewayEpoch === epoch).map(({ ingestSeq }) => ingestSeq);
      const upper = numbers.length;
      expect(numbers).toEqual(Array.from({ length: upper }, (_, index) => index + 1));
      expect(upper).toBeGreaterThanOrEqual(said);
      const closing = next.closings.find(({ row }) => row.epoch === epoch);
      expect(closing?.row).toMatchObject({ numberedUpTo: upper, hasSpooled: true });
      expect(closing?.spooled.without(1, upper)).toEqual([]);
    }
  },
);
