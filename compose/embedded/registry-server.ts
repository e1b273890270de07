// The Apicurio registry as a child process. Its store is an H2 file: in memory, schema ids would change at every restart
// and records on the log would name schemas that no longer exist.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../service/config.ts';
import { REGISTRY_JAR } from './artifacts.ts';
import { type EmbeddedServer, untilTrue } from './embedded-server.ts';

const STOP_DEADLINE_MS = 3_000;
const ANSWER_MS = 2_000;

export interface RegistryOptions {
  readonly folder: string;
  readonly distributionFolder: string;
  readonly java: string;
  readonly port: number;
  readonly environment: Environment;
}

export function registryUrlOf(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

export function prepareRegistry({
  folder,
  distributionFolder,
  java,
  port,
  environment,
}: RegistryOptions): EmbeddedServer {
  mkdirSync(folder, { recursive: true });
  const store = `jdbc:h2:file:${join(folder, 'schemas')}`;
  const memory = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError'];
  const listener = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`];
  // Two names for one thing: the first is the application's, the second reaches the connection pool.
  const storage = [`-Dregistry.datasource.url=${store}`, `-Dquarkus.datasource.jdbc.url=${store}`];
  const args = [...memory, ...listener, ...storage, '-jar', join(distributionFolder, REGISTRY_JAR)];
  const url = registryUrlOf(port);
  return {
    name: 'registry',
    address: url,
    stopDeadlineMs: STOP_DEADLINE_MS,
    launch: (children) =>
      children.start({ name: 'registry', stage: 'registry', command: java, args, environment, cwd: folder }),
    whenReady: async (_child, signal) => {
      await untilTrue(
        async () => (await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(ANSWER_MS) })).ok,
        signal,
      );
    },
  };
}
