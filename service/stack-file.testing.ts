// A stack that runs as far as its file says: this process is said to hold it. Its folder is gone with the test.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { identityOf } from './process-identity.ts';
import { type StackFile, stackPlace, writeStackFile } from './stack-file.ts';

interface Said extends Partial<StackFile> {
  /** Or one that is gone. */
  readonly isAlive?: boolean;
}

/** Its folder. What is not given leads nowhere. */
export function homeOfStack({ isAlive = true, ...said }: Said = {}): string {
  const home = mkdtempSync(join(tmpdir(), 'pmc-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const place = stackPlace(home);
  mkdirSync(place.run);
  const self = identityOf(process.pid);
  if (self === undefined) throw new Error('this process cannot be told from others');
  writeStackFile(place, {
    schemaVersion: 1,
    supervisor: isAlive ? self : { ...self, startTime: 'long ago' },
    control: { url: 'http://127.0.0.1:9409', token: 't' },
    artifacts: home,
    addresses: { brokers: ['127.0.0.1:1'], registryUrl: 'http://127.0.0.1:2', databaseUrl: 'postgres://127.0.0.1:3' },
    ...said,
  });
  return home;
}
