import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AUTO, claimSpool } from './claim-spool.ts';

const LOCKED_MS = 750;

test('a place that is taken is left to its owner without a word of failure, and is found again when it is free', async (context) => {
  const spoolFolder = join(mkdtempSync(join(tmpdir(), 'spool-')), 'made');
  context.onTestFinished(() => rmSync(spoolFolder, { recursive: true }));
  const failures: Error[] = [];
  const claim = async (instance: string) =>
    await claimSpool({ instance, spoolFolder }, (error) => failures.push(error));
  const first = await claim(AUTO);
  const second = await claim(AUTO);
  expect([first.instance, second.instance]).toEqual(['communicator-1', 'communicator-2']);
  await expect(claim('communicator-1')).rejects.toMatchObject({ code: 'PMC_SPOOL_IN_USE' });
  await first.thread.stop();
  const third = await claim(AUTO);
  expect(third.instance).toBe('communicator-1');
  await Promise.all([second.thread.stop(), third.thread.stop()]);
  expect(failures).toEqual([]);
});

test('a place that was locked for a moment only, as by another one that starts as well, is not passed over', async (context) => {
  const spoolFolder = mkdtempSync(join(tmpdir(), 'spool-'));
  context.onTestFinished(() => rmSync(spoolFolder, { recursive: true }));
  const claim = async () => await claimSpool({ instance: AUTO, spoolFolder }, () => undefined);
  const other = await claim();
  const claiming = claim();
  // Longer than one look at it takes.
  await new Promise((resolve) => setTimeout(resolve, LOCKED_MS));
  await other.thread.stop();
  const { instance, thread } = await claiming;
  expect(instance).toBe('communicator-1');
  await thread.stop();
});
