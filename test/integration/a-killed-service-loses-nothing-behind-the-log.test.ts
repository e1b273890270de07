// kill -9 of each service in turn, under load: whatever reached the log is stored once, the books balance, and what a killed
// gateway may have taken with it is named with its bound.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FINDING_WEIGHT } from '../../consumers/gap-detector/verdict.ts';
import { System } from '../support/system.ts';

const IN_FLIGHT_MAX = 1_024;
const KILLED = ['communicator', 'persistence', 'commands', 'gap-detector', 'console', 'chaos-socket'];

let system: System;

beforeAll(async () => {
  system = await System.start({ PMC_CHAOS_RATE: '400', PMC_INFLIGHT_MAX: String(IN_FLIGHT_MAX) });
}, 300_000);

afterAll(async () => {
  expect(await system?.stop()).toBe(0);
});

async function growth(): Promise<void> {
  const before = await system.count('message_metadata');
  await vi.waitFor(async () => expect(await system.count('message_metadata')).toBeGreaterThan(before), {
    timeout: 60_000,
    interval: 250,
  });
}

test('what is on the log is stored, and the gateway names its tail', { timeout: 400_000 }, async () => {
  for (const name of KILLED) {
    await growth();
    const pid = await system.kill(name, 'SIGKILL');
    await system.restarted(name, pid);
  }
  await growth();
  expect((await system.pmc('service', 'stop', 'chaos-socket')).code).toBe(0);

  const { code, report } = await system.audit();
  const stage = (name: string) => report.stages.find((one) => one.stage === name);
  expect(stage('log-to-stored')?.verdict).toBe('pass');
  expect(report.accounts).toMatchObject({ missing: 0, altered: 0, extra: 0, residual: 0 });
  expect(report.accounts.settled).toBe(report.accounts.stored + report.accounts.duplicateOf);
  expect(report.coverage).toBe(1);

  expect(stage('gateway-to-log')?.verdict).toBe('inconclusive');
  expect(report.verdict).toBe('inconclusive');
  expect(code).toBe(8);
  const lowering = report.findings.filter(({ kind }) => FINDING_WEIGHT[kind] !== 'none');
  expect(lowering.map(({ kind }) => kind)).toEqual(['tail-unknown']);
  const [tail] = lowering;
  const crashed = stage('gateway-to-log')?.epochs?.filter(({ state }) => state === 'crashed');
  expect(crashed?.map(({ gatewayEpoch }) => gatewayEpoch)).toEqual([tail?.gatewayEpoch]);
  expect(crashed?.[0]?.missing).toBe(0);
  expect(tail?.to).toBeLessThanOrEqual((crashed?.[0]?.inLog ?? 0) + IN_FLIGHT_MAX);
  expect(tail?.from).toBeGreaterThan(0);
});
