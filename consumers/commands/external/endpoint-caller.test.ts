import { expect, it } from 'vitest';
import type { Endpoint } from './declaration.ts';
import { readDeclarations } from './declaration-text.ts';
import { endpointCaller } from './endpoint-caller.ts';
import { LookupsBusyError, type Resolve } from './names.ts';

function endpoint(): Endpoint {
  const hook = { method: 'POST', url: 'https://hooks.example/1', retries: 0, breaker: { failures: 2 } };
  const text = JSON.stringify({ webhooks: { hook } });
  const [webhook] = readDeclarations({ fileName: 'f', text, knownCommands: [], environment: {} }).webhooks;
  if (webhook === undefined) throw new Error('no webhook');
  return webhook;
}

async function reasons(count: number, resolve: Resolve): Promise<readonly string[]> {
  const call = endpointCaller(endpoint(), { clock: { nowMs: () => 0 }, resolve });
  const all: string[] = [];
  for (let nth = 0; nth < count; nth += 1) all.push((await call('id', () => undefined)).reason);
  return all;
}

it('leaves an endpoint alone whose name cannot be found, and not one whose name was not looked up', async () => {
  const lost = await reasons(3, () => Promise.reject(new Error('no such name')));
  expect(lost.at(-1)).toContain('is left alone for 30 s');
  const busy = await reasons(5, () => Promise.reject(new LookupsBusyError()));
  expect(new Set(busy)).toEqual(
    new Set(['hooks.example cannot be resolved (it is not looked up while other names get no answer)']),
  );
});
