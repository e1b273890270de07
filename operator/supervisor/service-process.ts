// One service as a supervised child: its own Node process, which tells over its channel that it has started and is ready
// when its own /ready says so.
import { join } from 'node:path';
import { z } from 'zod';
import type { Child, Children } from '../../compose/processes/children.ts';
import type { Supervised } from '../../compose/processes/supervised-process.ts';
import { pause } from '../../service/backoff.ts';
import type { Environment } from '../../service/config.ts';

const POLL_MS = 100;
const ANSWER_MS = 1_000;
const startedSchema = z.object({ started: z.literal(true), healthUrl: z.string() });

export interface ServiceLaunch {
  readonly name: string;
  /** The file to run, and how V8 keeps house there. */
  readonly main: string;
  readonly flags: readonly string[];
  readonly environment: Environment;
  readonly projectFolder: string;
  readonly children: Children;
}

export function serviceProcess({
  name,
  main,
  flags,
  environment,
  projectFolder,
  children,
}: ServiceLaunch): Omit<Supervised, 'onChange'> {
  const args = ['--enable-source-maps', ...flags, join(projectFolder, main)];
  return {
    name,
    launch: () =>
      children.start({
        name,
        stage: 'service',
        command: process.execPath,
        args,
        environment,
        cwd: projectFolder,
        ipc: true,
      }),
    whenReady: async (child, signal) => {
      const healthUrl = await whenStarted(child, signal);
      while (!(await isReady(healthUrl))) {
        signal.throwIfAborted();
        await pause(POLL_MS, signal);
      }
      return healthUrl;
    },
  };
}

/** What the service's own readiness check says; no answer in time is a no. */
export async function isReady(healthUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${healthUrl}/ready`, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

function whenStarted(child: Child, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    child.process.on('message', (message) => {
      const started = startedSchema.safeParse(message);
      if (started.success) resolve(started.data.healthUrl);
    });
  });
}
