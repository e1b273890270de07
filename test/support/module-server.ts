// Serves the project's own modules to a browser as they are, with the types taken out: what runs in a page is the file that runs in Node.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';

const PROJECT = new URL('../../', import.meta.url);
/** Nothing else is anybody's business. */
const SERVED = /^\/(?:producers\/client|schemas\/protocol|service)\/[a-z-]+\.ts$/;

export interface ModuleServer {
  readonly url: string;
  /** Every module that a page has asked for. */
  readonly served: ReadonlySet<string>;
  readonly stop: () => Promise<void>;
}

export async function serveModules(page: string): Promise<ModuleServer> {
  const served = new Set<string>();
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path === '/') response.setHeader('content-type', 'text/html').end(page);
    else if (SERVED.test(path)) {
      served.add(path.slice(1));
      const source = readFileSync(new URL(path.slice(1), PROJECT), 'utf8');
      response.setHeader('content-type', 'text/javascript').end(stripTypeScriptTypes(source));
    } else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, served, stop };
}
