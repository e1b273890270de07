// Fetches the servers by Maven: Kafka as a folder of jars, the registry as its unpacked distribution. Each lands in a
// folder beside its final name and is renamed when complete, so an interrupted download is simply done again and two
// starters cannot harm each other. What is complete is never touched again.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { startTimeOf } from '../../service/process-identity.ts';
import type { Children } from '../processes/children.ts';
import type { Progress, ProgressStep } from '../processes/progress.ts';

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url));
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const STAMP = 'complete.json';
const REGISTRY_VERSION = '2.6.13.Final';
const BUILDING = /^\.building-(\d+)-/;
const ATTEMPTS_MAX = 2;

export interface Artifact {
  readonly name: string;
  readonly folder: string;
  readonly version: string;
  /** About how much Maven writes, for the progress bar. */
  readonly sizeBytes: number;
  readonly goal: readonly string[];
  /** The packed file to unpack, when it is one. */
  readonly archive?: string;
}

export const KAFKA_ARTIFACT: Artifact = {
  name: 'kafka',
  folder: 'kafka-4.3.1',
  version: 'org.apache.kafka:kafka_2.13:4.3.1',
  sizeBytes: 56_000_000,
  goal: [`${PLUGIN}:copy-dependencies`, '-f', POM],
};

export const REGISTRY_ARTIFACT: Artifact = {
  name: 'registry',
  folder: `apicurio-registry-${REGISTRY_VERSION}`,
  version: `io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}`,
  sizeBytes: 142_000_000,
  goal: [`${PLUGIN}:copy`, `-Dartifact=io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`],
  archive: `apicurio-registry-app-${REGISTRY_VERSION}-all.tar.gz`,
};

export const REGISTRY_JAR = `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`;

export interface Fetch {
  readonly artifactsFolder: string;
  readonly children: Children;
  readonly environment: Environment;
  readonly progress: Progress;
}

/** The folder of the artifact if it is complete. */
export function completeArtifact(artifactsFolder: string, artifact: Artifact): string | undefined {
  const folder = join(artifactsFolder, artifact.folder);
  try {
    return readFileSync(join(folder, STAMP), 'utf8') === stampOf(artifact) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the folder of the artifact, fetching it first where it is missing. Throws PMC_ARTIFACTS_FAILED. */
export async function ensureArtifact(artifact: Artifact, fetch: Fetch): Promise<string> {
  const ready = completeArtifact(fetch.artifactsFolder, artifact);
  if (ready !== undefined) return ready;
  mkdirSync(fetch.artifactsFolder, { recursive: true });
  removeAbandoned(fetch.artifactsFolder);
  const step = fetch.progress.step(artifact.name, `fetching ${artifact.version} with Maven`);
  try {
    const folder = await build(artifact, fetch, step);
    step.end(`fetched ${artifact.version}`);
    return folder;
  } catch (error) {
    step.end(`could not fetch ${artifact.version}`);
    throw error;
  }
}

async function build(artifact: Artifact, fetch: Fetch, step: ProgressStep): Promise<string> {
  const building = join(fetch.artifactsFolder, `.building-${process.pid}-${artifact.folder}`);
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building);
  const growth = setInterval(() => {
    step.update(`fetching ${artifact.version} with Maven`, Math.min(0.99, folderSize(building) / artifact.sizeBytes));
  }, 500).unref();
  try {
    const maven = ['-B', ...artifact.goal, `-DoutputDirectory=${building}`];
    await command(`maven-${artifact.name}`, 'mvn', maven, fetch, ATTEMPTS_MAX);
    if (artifact.archive !== undefined) {
      clearInterval(growth);
      step.update('unpacking');
      const archive = join(building, artifact.archive);
      await command(`unpack-${artifact.name}`, 'tar', ['-xzf', archive, '-C', building, '--no-same-owner'], fetch, 1);
      rmSync(archive);
    }
    writeFileSync(join(building, STAMP), stampOf(artifact));
    return publish(building, join(fetch.artifactsFolder, artifact.folder), () =>
      completeArtifact(fetch.artifactsFolder, artifact),
    );
  } finally {
    clearInterval(growth);
    rmSync(building, { recursive: true, force: true });
  }
}

function publish(building: string, folder: string, complete: () => string | undefined): string {
  // Another starter may have been faster: then its folder is as good as ours. An incomplete one is from an older version.
  if (complete() !== undefined) return folder;
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(building, folder);
  } catch (error) {
    if (complete() === undefined) throw error;
  }
  return folder;
}

async function command(
  name: string,
  program: string,
  args: readonly string[],
  fetch: Fetch,
  attempts: number,
): Promise<void> {
  const { reason, succeeded, lastLine } = await fetch.children.run({
    name,
    command: program,
    args,
    environment: fetch.environment,
  });
  if (succeeded) return;
  if (attempts > 1) return await command(name, program, args, fetch, attempts - 1);
  const message = `${basename(program)} ended with ${reason}: ${lastLine ?? 'no output'}; the log is logs/${name}.log in PMC_HOME`;
  throw new PmcError('PMC_ARTIFACTS_FAILED', message, { name, reason });
}

/** Leftovers of starters that no longer run. */
function removeAbandoned(artifactsFolder: string): void {
  for (const name of readdirSync(artifactsFolder)) {
    const pid = BUILDING.exec(name)?.[1];
    if (pid !== undefined && startTimeOf(Number(pid)) === undefined)
      rmSync(join(artifactsFolder, name), { recursive: true, force: true });
  }
}

function folderSize(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function stampOf({ name, version }: Artifact): string {
  return `${JSON.stringify({ name, version })}\n`;
}
