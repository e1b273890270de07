import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Children } from '../../compose/processes/children.ts';
import { ServiceFleet } from './service-fleet.ts';
import type { ServiceName } from './services.ts';

/** A service that is ready at once, and does this when it is asked to end. */
const serviceText = (onStop: string): string => `
import { createServer } from 'node:http';
process.on('SIGTERM', () => { ${onStop} });
const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1', () => {
  process.send({ started: true, healthUrl: \`http://127.0.0.1:\${server.address().port}\` });
});
`;

async function runningFleet(onStop: string): Promise<{ fleet: ServiceFleet; children: Children }> {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-fleet-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'service.mjs'), serviceText(onStop));
  const children = new Children({ registerFile: join(folder, 'processes.json'), logsFolder: folder });
  const names: readonly ServiceName[] = ['communicator', 'persistence'];
  const main = 'service.mjs';
  const mains: Record<ServiceName, string> = {
    communicator: main,
    persistence: main,
    commands: main,
    'gap-detector': main,
    console: main,
    'chaos-socket': main,
  };
  const environmentOf = () => ({});
  const fleet = new ServiceFleet({
    names,
    mains,
    environmentOf,
    projectFolder: folder,
    children,
    onChange: () => undefined,
  });
  onTestFinished(async () => {
    await fleet.kill(0);
    await children.close({ deadlineMs: 0 });
  });
  await fleet.start(() => undefined);
  return { fleet, children };
}

const DRAINS = 'process.exit(0);';
const FAILS = "console.error('error: the database is away'); process.exit(1);";
const NEVER_ENDS = '';

test.for(['restart', 'start'] as const)(
  'a %s that meets the stop of all leaves nothing that is started again',
  async (verb) => {
    const { fleet, children } = await runningFleet(NEVER_ENDS);
    const stop = verb === 'start' ? fleet.command('persistence', 'stop') : undefined;
    const command = fleet.command('persistence', verb);
    const outcomes = Promise.allSettled([stop, command]);
    await children.refuseNew({ deadlineMs: 0 });
    await fleet.stop(0);
    const [, outcome] = await outcomes;
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'PMC_INTERRUPTED' } });
    expect((await fleet.status()).map(({ state }) => state)).toEqual(['stopped', 'stopped']);
  },
);

test.for(['stop', 'start', 'restart'] as const)('a %s is refused when all is being stopped', async (verb) => {
  const { fleet } = await runningFleet(DRAINS);
  await fleet.stop(60_000);
  await expect(fleet.command('persistence', verb)).rejects.toMatchObject({ code: 'PMC_INTERRUPTED' });
});

test('a stop that failed is told by a command, and of all together by name', async () => {
  const { fleet } = await runningFleet(FAILS);
  await expect(fleet.command('persistence', 'stop')).rejects.toMatchObject({
    code: 'PMC_STOP_OVERDUE',
    message: expect.stringMatching(
      /^persistence .* ended with exit code 1: error: the database is away; .*persistence\.log/,
    ),
  });
  const [, stopped] = await fleet.status();
  expect(stopped).toMatchObject({ state: 'stopped', lastExit: { reason: 'exit code 1' } });
  // Who asks for a restart wants it to run.
  expect(await fleet.command('communicator', 'restart')).toMatchObject({ state: 'running', ready: true });
  const failed: string[] = [];
  await fleet.stop(60_000, (name, { reason }) => failed.push(`${name}: ${reason}`));
  expect(failed).toEqual(['communicator: exit code 1']);
});

test('a service that stops in order is stopped', async () => {
  const { fleet } = await runningFleet(DRAINS);
  expect(await fleet.command('persistence', 'stop')).toMatchObject({ state: 'stopped', lastExit: null });
  const failed: string[] = [];
  await fleet.stop(60_000, (name) => failed.push(name));
  expect(failed).toEqual([]);
});
