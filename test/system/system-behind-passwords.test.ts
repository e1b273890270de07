// The whole system on a cluster of somebody else's, over TLS and with a login: `pmc up` makes the topics, the services append
// and read, and `pmc audit run` passes.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { ChatSource } from '../support/chat-source.ts';
import { PASSWORD, type SecureBroker, startSecureBroker, USERNAME } from '../support/secure-broker.ts';
import { System } from '../support/system.ts';

const FRAMES = 200;
const RECORDED = new URL('../data/chaos-socket-frames.jsonl', import.meta.url);

let broker: SecureBroker;
let source: ChatSource;
let system: System | undefined;

beforeAll(async () => {
  [broker, source] = await Promise.all([startSecureBroker(inject('artifacts')), ChatSource.start()]);
}, 120_000);

afterAll(async () => {
  await system?.stop();
  await source?.stop();
  await broker?.stop();
});

function variables(password: string): Readonly<Record<string, string>> {
  return {
    PMC_KAFKA_BROKERS: broker.tlsLogin,
    PMC_KAFKA_TLS: 'on',
    PMC_KAFKA_TLS_CA: broker.caFile,
    PMC_KAFKA_SASL_MECHANISM: 'scram-sha-512',
    PMC_KAFKA_SASL_USERNAME: USERNAME,
    PMC_KAFKA_SASL_PASSWORD: password,
    PMC_SOURCES: source.url,
  };
}

test('frames are stored and the audit passes', { timeout: 300_000 }, async () => {
  system = await System.start(variables(PASSWORD));
  const running = system;
  expect(running.status.servers.map(({ name }) => name)).not.toContain('kafka');
  const lines = readFileSync(RECORDED, 'utf8').split('\n').slice(0, FRAMES);
  await source.send(lines.map((line) => (JSON.parse(line) as { frame: string }).frame));
  await vi.waitFor(async () => expect(await running.count('message_metadata')).toBe(FRAMES), { timeout: 60_000 });
  const { code, report } = await running.audit();
  expect([code, report.verdict]).toEqual([0, 'pass']);
});
