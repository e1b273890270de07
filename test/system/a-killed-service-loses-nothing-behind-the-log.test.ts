// kill -9 of each service in turn, under load: whatever reached the log is stored once, and the books balance. A source that counts
// its events sends again what it was not told of, so nothing is lost and nothing is unknown; of one that does not, the
// frames that were not on the disk yet may be gone, and that many are named.
import { afterEach, expect, test, vi } from 'vitest';
import { FINDING_WEIGHT } from '../../consumers/gap-detector/verdict.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { System } from '../support/system.ts';
import { compareWithRows } from '../support/verdict-of-rows.ts';

const IN_FLIGHT_MAX = 1_024;
const ALL = ['communicator', 'persistence', 'commands', 'gap-detector', 'console'];

let system: System | undefined;

async function start(protocol: string): Promise<System> {
  const environment = { PMC_CHAOS_RATE: '400', PMC_CHAOS_PROTOCOL: protocol, PMC_INFLIGHT_MAX: String(IN_FLIGHT_MAX) };
  system = await System.start(environment);
  return system;
}

afterEach(async () => {
  expect(await system?.stop()).toBe(0);
  system = undefined;
});

async function growth(of: System): Promise<void> {
  const before = await of.count('message_metadata');
  await vi.waitFor(async () => expect(await of.count('message_metadata')).toBeGreaterThan(before), {
    timeout: 60_000,
    interval: 250,
  });
}

async function killEach(of: System, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await growth(of);
    const pid = await of.kill(name, 'SIGKILL');
    await of.restarted(name, pid);
  }
  await growth(of);
}

async function auditOf(of: System) {
  const { code, report } = await of.audit();
  const stage = (name: string) => report.stages.find((one) => one.stage === name);
  expect(stage('log-to-stored')?.verdict).toBe('pass');
  expect(report.accounts).toMatchObject({ missing: 0, altered: 0, extra: 0, residual: 0 });
  expect(report.accounts.settled).toBe(report.accounts.stored + report.accounts.duplicateOf);
  expect(report.coverage).toBe(1);
  const lowering = report.findings.filter(({ kind }) => FINDING_WEIGHT[kind] !== 'none');
  return { code, report, stage, lowering };
}

/** What the source says it sent, beside what is stored. */
async function compare(of: System): Promise<ChaosVerdict> {
  const ledger = await (await fetch(`${of.status.simulator?.apiUrl}/api/ledger`)).text();
  return await compareWithRows(ledger, of.status.database.url);
}

test('with a source that counts nothing is lost, and nothing is unknown', { timeout: 400_000 }, async () => {
  const of = await start('pmc.v1');
  await killEach(of, ALL);
  await of.silence();
  await vi.waitFor(async () => expect(await compare(of)).toMatchObject({ unexplained: 0, verdict: 'pass' }), {
    timeout: 180_000,
    interval: 1_000,
  });
  expect((await of.pmc('service', 'stop', 'chaos-socket')).code).toBe(0);
  const { stage, lowering } = await auditOf(of);
  expect(lowering).toEqual([]);
  expect(stage('gateway-to-log')?.verdict).toBe('pass');
});

test('with one that does not the gateway names its tail', { timeout: 400_000 }, async () => {
  const of = await start('legacy');
  await killEach(of, ['communicator', 'communicator', 'chaos-socket']);
  expect((await of.pmc('service', 'stop', 'chaos-socket')).code).toBe(0);
  const { code, report, stage, lowering } = await auditOf(of);
  expect([stage('gateway-to-log')?.verdict, report.verdict, code]).toEqual(['inconclusive', 'inconclusive', 8]);
  expect(lowering.map(({ kind }) => kind)).toEqual(['tail-unknown', 'tail-unknown']);
  const epochs = stage('gateway-to-log')?.epochs ?? [];
  for (const { gatewayEpoch, from = 0, to = 0 } of lowering) {
    const epoch = epochs.find((one) => one.gatewayEpoch === gatewayEpoch);
    expect(epoch).toMatchObject({ state: 'closed', missing: 0 });
    expect(from).toBeGreaterThan(0);
    expect(to).toBeLessThanOrEqual((epoch?.inLog ?? 0) + 2 * IN_FLIGHT_MAX);
  }
});
