// Looks at the machine for preflight.ts: programs, ports, disk and memory. Changes nothing.
import { spawn } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../service/config.ts';
import { PmcError } from '../../service/errors.ts';
import { type MachineFacts, type Needs, type PortFact, problemsOf } from './preflight.ts';

export type PortWanted = Omit<PortFact, 'refusal'>;

export function javaProgram(javaHome: string | undefined): string {
  return javaHome === undefined ? 'java' : join(javaHome, 'bin', 'java');
}

/** Throws PMC_PREFLIGHT_FAILED with one line for each problem. */
export async function preflight(
  { java, ports, environment }: { java: string; ports: readonly PortWanted[]; environment: Environment },
  needs: Needs,
): Promise<void> {
  const [javaText, mavenText, disk, portFacts] = await Promise.all([
    needs.java ? outputOf(java, ['-version'], environment) : undefined,
    needs.maven ? outputOf('mvn', ['-version'], environment) : undefined,
    statfs(needs.home),
    Promise.all(ports.map(lookAtPort)),
  ]);
  const facts: MachineFacts = {
    platform: process.platform,
    javaText,
    mavenText,
    ports: portFacts,
    diskFreeBytes: disk.bavail * disk.bsize,
    memoryAvailableBytes: memoryAvailableBytes(),
  };
  const problems = problemsOf(facts, needs);
  if (problems.length > 0) throw new PmcError('PMC_PREFLIGHT_FAILED', problems.join('\n'), { problems });
}

async function lookAtPort(wanted: PortWanted): Promise<PortFact> {
  return { ...wanted, refusal: await refusalOf(wanted) };
}

function refusalOf({ host, port }: PortWanted): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Both streams, since Java tells its version on stderr; undefined when the program cannot be started. */
function outputOf(program: string, args: readonly string[], environment: Environment): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...environment } });
    let text = '';
    const collect = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', () => resolve(undefined));
    child.once('close', () => resolve(text));
  });
}

/** Only Linux tells how much a new program could get; elsewhere "free" leaves out what the system would give back. */
function memoryAvailableBytes(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? Math.min(limit, freemem()) : freemem();
}
