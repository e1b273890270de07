// Kafka's own tools with a login, by stand-ins for Maven and Java: however it ends, no password lies about and nothing runs on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KAFKA_ARTIFACT } from '../../compose/embedded/artifacts.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import { plainEnvironment } from '../../test/support/plain-environment.ts';

vi.setConfig({ testTimeout: 120_000 });

const PMC = fileURLToPath(new URL('./pmc.ts', import.meta.url));
const PATIENCE = { timeout: 60_000, interval: 50 };
/** Says who it is, and then stays. */
const STAYS = 'echo $$ > "$PMC_HOME/stand-in"; exec sleep 600 >/dev/null 2>&1';

/** A tool that begins, with a login of the environment: with a property of its own the broker is not asked first. */
function kafkaTool({ mvn = 'exit 1', java = 'exit 1', isFetched = false }) {
  const home = mkdtempSync(join(tmpdir(), 'pmc-tool-'));
  const [programs, artifacts, temporary] = [join(home, 'bin'), join(home, 'artifacts'), join(home, 'tmp')];
  for (const folder of [programs, artifacts, temporary]) mkdirSync(folder);
  for (const [name, script] of Object.entries({ mvn, java })) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(programs, name), 0o755);
  }
  if (isFetched) {
    const { name, version, folder } = KAFKA_ARTIFACT;
    mkdirSync(join(artifacts, folder));
    writeFileSync(join(artifacts, folder, 'complete.json'), `${JSON.stringify({ name, version })}\n`);
  }
  const plain = plainEnvironment();
  const pmc = spawn(process.execPath, [PMC, 'kafka', 'topics', '--command-property', 'a=b', '--list'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...plain,
      PATH: `${programs}:${plain['PATH']}`,
      JAVA_HOME: home,
      TMPDIR: temporary,
      PMC_HOME: home,
      PMC_ARTIFACTS: artifacts,
      PMC_KAFKA_BROKERS: '127.0.0.1:1',
      PMC_KAFKA_SASL_MECHANISM: 'plain',
      PMC_KAFKA_SASL_USERNAME: 'me',
      PMC_KAFKA_SASL_PASSWORD: 'secret',
    },
  });
  let said = '';
  pmc.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(pmc, 'close').then(([code, signal]: unknown[]) => ({ code, signal, said }));
  const standIn = () => Number(readFileSync(join(home, 'stand-in'), 'utf8'));
  onTestFinished(async () => {
    pmc.kill('SIGKILL');
    try {
      process.kill(standIn(), 'SIGKILL');
    } catch {
      // It never began, or has ended as it should.
    }
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  /** The process id of the stand-in that stays. */
  const staying = async () => {
    await vi.waitFor(() => expect(standIn()).toBeGreaterThan(0), PATIENCE);
    return standIn();
  };
  return { pmc, ended, staying, leftovers: () => readdirSync(temporary) };
}

test('a fetch that fails leaves no password behind', async () => {
  const { ended, leftovers } = kafkaTool({});
  expect(await ended).toMatchObject({ code: 7, said: expect.stringContaining('PMC_ARTIFACTS_FAILED') });
  expect(leftovers()).toEqual([]);
});

test.for(['SIGTERM', 'SIGHUP'] as const)('%s ends the tool as well, and its login is gone', async (signal) => {
  const { pmc, ended, staying, leftovers } = kafkaTool({ java: STAYS, isFetched: true });
  const java = await staying();
  expect(leftovers()).toHaveLength(1);
  pmc.kill(signal);
  expect(await ended).toMatchObject({ code: 130, signal: null });
  expect([startTimeOf(java), leftovers()]).toEqual([undefined, []]);
});

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s during the fetch ends Maven as well', async (signal) => {
  const { pmc, ended, staying, leftovers } = kafkaTool({ mvn: STAYS });
  const maven = await staying();
  pmc.kill(signal);
  expect(await ended).toMatchObject({ code: 130, said: expect.stringContaining('PMC_INTERRUPTED') });
  expect([startTimeOf(maven), leftovers()]).toEqual([undefined, []]);
});
