// Servers are fetched by Maven, which may fail, be interrupted, or run twice at once. A stand-in for `mvn` on PATH shows
// that only what is complete is ever used.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { completeArtifact, ensureArtifact, type Fetch, KAFKA_ARTIFACT } from '../../compose/embedded/artifacts.ts';
import { Children } from '../../compose/processes/children.ts';
import { createProgress } from '../../compose/processes/progress.ts';

const scratch = mkdtempSync(join(tmpdir(), 'pmc-fetch-'));
const programs = join(scratch, 'bin');
const calls = join(scratch, 'calls');
const opened: Children[] = [];
let artifactsFolder = '';

/** Writes one jar where Maven is told to, then does what the test says. */
function maven(then: string): void {
  const script = `#!/bin/sh
    echo called >> ${calls}
    for argument; do case $argument in -DoutputDirectory=*) to=\${argument#*=} ;; esac; done
    echo content > "$to/broker.jar"
    ${then}`;
  writeFileSync(join(programs, 'mvn'), script);
  chmodSync(join(programs, 'mvn'), 0o755);
}

function fetching(): Fetch {
  const children = new Children({
    registerFile: join(scratch, `${opened.length}.json`),
    logsFolder: join(scratch, 'logs'),
  });
  opened.push(children);
  const environment = { PATH: `${programs}:${process.env['PATH']}` };
  return { artifactsFolder, children, environment, progress: createProgress({ write: () => true }) };
}

const timesCalled = (): number => readFileSync(calls, 'utf8').trim().split('\n').length;

beforeEach(() => {
  mkdirSync(programs, { recursive: true });
  rmSync(calls, { force: true });
  artifactsFolder = mkdtempSync(join(scratch, 'artifacts-'));
});

afterAll(async () => {
  await Promise.all(opened.map((children) => children.close({ deadlineMs: 0 })));
  rmSync(scratch, { recursive: true, force: true });
});

test('a fetch that failed leaves nothing that looks complete, tells why, and is done again', async () => {
  maven('echo "[ERROR] no route to the repository"; exit 1');
  await expect(ensureArtifact(KAFKA_ARTIFACT, fetching())).rejects.toMatchObject({
    code: 'PMC_ARTIFACTS_FAILED',
    message: expect.stringMatching(
      /exit code 1: \[ERROR\] no route to the repository; the log is logs\/maven-kafka\.log/,
    ),
  });
  expect(timesCalled()).toBe(2);
  expect(readdirSync(artifactsFolder)).toEqual([]);
  maven('exit 0');
  const folder = await ensureArtifact(KAFKA_ARTIFACT, fetching());
  expect(readdirSync(folder).sort()).toEqual(['broker.jar', 'complete.json']);
});

test('what is complete is not fetched again; what an interrupted start left is', async () => {
  maven('exit 0');
  mkdirSync(join(artifactsFolder, KAFKA_ARTIFACT.folder));
  mkdirSync(join(artifactsFolder, '.building-4194999-kafka'));
  expect(completeArtifact(artifactsFolder, KAFKA_ARTIFACT)).toBeUndefined();
  const folder = await ensureArtifact(KAFKA_ARTIFACT, fetching());
  expect(await ensureArtifact(KAFKA_ARTIFACT, fetching())).toBe(folder);
  expect(timesCalled()).toBe(1);
  expect(readdirSync(artifactsFolder)).toEqual([KAFKA_ARTIFACT.folder]);
});
