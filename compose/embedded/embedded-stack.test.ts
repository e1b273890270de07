import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { readSettings } from '../../service/config.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { Children } from '../processes/children.ts';
import { sizeOf } from '../processes/log-file.ts';
import { REGISTRY_ARTIFACT } from './artifacts.ts';
import { stackSettings } from './config.ts';
import { EmbeddedStack } from './embedded-stack.ts';
import { createStateFolder, stateFolder } from './state-folder.ts';

/** Never ready, and takes a moment to end: as a server does that still recovers. */
const RECOVERS = `
process.on('SIGTERM', () => {
  setTimeout(() => {
    require('node:fs').writeFileSync('drained', '');
    process.exit(143);
  }, 50);
});
console.log('it recovers');
setInterval(() => undefined, 1_000);
`;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** A stack of the registry alone, which is this program. */
async function stackOf(program: string) {
  const home = mkdtempSync(join(tmpdir(), 'pmc-embedded-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const [registryPort] = await freePorts(1);
  const settings = {
    PMC_HOME: home,
    JAVA_HOME: join(home, 'jdk'),
    PMC_REGISTRY_PORT: String(registryPort),
    PMC_KAFKA_BROKERS: 'localhost:1',
    DATABASE_URL: 'postgresql://u:p@localhost:1/d',
  };
  const config = readSettings(settings, stackSettings(0));
  const folder = stateFolder(config);
  createStateFolder(folder);
  mkdirSync(join(home, 'jdk', 'bin'), { recursive: true });
  writeFileSync(join(home, 'server.cjs'), program);
  const java = join(home, 'jdk', 'bin', 'java');
  writeFileSync(java, `#!/bin/sh\nexec '${process.execPath}' '${join(home, 'server.cjs')}'\n`);
  chmodSync(java, 0o755);
  const artifact = join(folder.artifacts, REGISTRY_ARTIFACT.folder);
  mkdirSync(artifact, { recursive: true });
  const { name, version } = REGISTRY_ARTIFACT;
  writeFileSync(join(artifact, 'complete.json'), `${JSON.stringify({ name, version })}\n`);
  const notes: string[] = [];
  const progress = {
    note: (line: string) => void notes.push(line),
    step: () => ({ update: () => undefined, end: () => undefined }),
  };
  const children = new Children({ registerFile: join(folder.run, 'processes.json'), logsFolder: folder.logs });
  onTestFinished(async () => await children.close({ deadlineMs: 0 }));
  const stack = new EmbeddedStack({ config, folder, children, environment: {}, progress });
  return { stack, notes, logFile: join(folder.logs, 'registry.log'), drained: join(folder.registry, 'drained') };
}

async function somethingWritten(logFile: string): Promise<void> {
  while (sizeOf(logFile) === 0) await new Promise((resolve) => setImmediate(resolve));
}

test('a server that is not ready in time is ended as at any other time', async () => {
  const { stack, notes, logFile, drained } = await stackOf(RECOVERS);
  const started = stack.start('registry').catch((error: unknown) => error);
  await somethingWritten(logFile);
  vi.advanceTimersByTime(120_000);
  // Less than it may take to end.
  vi.advanceTimersByTime(1_000);
  expect(await started).toMatchObject({
    code: 'PMC_SERVER_FAILED',
    message: expect.stringContaining('not ready in time'),
  });
  expect(existsSync(drained)).toBe(true);
  expect(notes).toEqual([]);
});

test('a server that still writes its log is waited for, which is told once', async () => {
  const { stack, notes, logFile, drained } = await stackOf(RECOVERS);
  const started = stack.start('registry').catch((error: unknown) => error);
  await somethingWritten(logFile);
  for (let minute = 0; minute < 10; minute += 1) {
    appendFileSync(logFile, `segment ${minute}\n`);
    vi.advanceTimersByTime(60_000);
  }
  expect(stack.status).toMatchObject([{ name: 'registry', state: 'starting' }]);
  expect(notes).toEqual([expect.stringMatching(/^registry: not ready yet, but writes its log \(segment 1\)/)]);
  vi.advanceTimersByTime(60_000);
  expect(await started).toMatchObject({ code: 'PMC_SERVER_FAILED' });
  expect(existsSync(drained)).toBe(true);
});
