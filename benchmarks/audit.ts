// What the audit costs and how soon it tells: records read and digested a second beside Kafka's own ConsumerPerformance on the same
// topic, memory, the time to find one row that is gone among all, and from a live loss to its finding. PMC_BENCH_AUDIT_RECORDS sets
// how many records there are. What is measured runs in a process of its own.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureTopics } from '../kafka/bootstrap.ts';
import { registerSchemas } from '../kafka/schema-registration.ts';
import { migrateDatabase } from '../schemas/database/migrate.ts';
import { TOPIC } from '../schemas/topics.ts';
import type { Environment } from '../service/config.ts';
import { STREAMING_V8_FLAGS } from '../service/v8-flags.ts';
import type { AuditMeasure } from './audit-client.ts';
import { type Figure, spread } from './figures.ts';
import { readRateOf } from './peer-output.ts';
import { kafkaTools } from './scratch-kafka.ts';
import { type ScratchServers, startScratchServers } from './scratch-servers.ts';

const RECORDS = 1_000_000;
const MEASURED = fileURLToPath(new URL('./audit-client.ts', import.meta.url));
const PEER = 'ConsumerPerformance';

export async function audit(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const records = Number(environment['PMC_BENCH_AUDIT_RECORDS'] ?? RECORDS);
  const servers = await startScratchServers(environment, ['kafka', 'registry', 'postgres']);
  try {
    const { brokers, registryUrl, databaseUrl } = servers.addresses;
    await Promise.all([ensureTopics({ brokers }), registerSchemas(registryUrl), migrateDatabase(databaseUrl)]);
    await measured('fill', servers, records);
    const runTool = await kafkaTools(servers);
    const rounds: { readonly peer: number; readonly own: AuditMeasure }[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const args = ['--topic', TOPIC.incoming, '--num-records', String(records)];
      const peer = readRateOf(await runTool(PEER, args), records);
      const own = await measured('audit', servers, records);
      if (round > 0) rounds.push({ peer, own });
    }
    const of = (value: (one: AuditMeasure) => number) => spread(rounds.map(({ own }) => value(own)));
    return [
      { figure: `audit.${PEER}`, unit: 'records/s', value: spread(rounds.map(({ peer }) => peer)) },
      {
        figure: 'audit.read',
        unit: 'records/s',
        value: of(({ read }) => read),
        against: PEER,
        ratio: spread(rounds.map(({ peer, own }) => own.read / peer)),
      },
      {
        figure: 'audit.read-columns',
        unit: 'records/s',
        value: of(({ readColumns }) => readColumns),
        against: PEER,
        ratio: spread(rounds.map(({ peer, own }) => own.readColumns / peer)),
      },
      { figure: 'audit.heap-mb', unit: 'MB', value: of(({ heapMb }) => heapMb) },
      { figure: 'audit.find-one-s', unit: 's', value: of(({ findOneSeconds }) => findOneSeconds) },
      { figure: 'audit.cold-run-s', unit: 's', value: of(({ coldRunSeconds }) => coldRunSeconds) },
      { figure: 'audit.live-s', unit: 's', value: of(({ liveSeconds }) => liveSeconds) },
    ];
  } finally {
    await servers.stop();
  }
}

async function measured(what: 'fill' | 'audit', { addresses }: ScratchServers, records: number): Promise<AuditMeasure> {
  const { brokers, registryUrl, databaseUrl } = addresses;
  const args = [what, brokers.join(','), registryUrl, databaseUrl, String(records)];
  // The heap is what is still in use after a collection, not what nobody has collected yet.
  const child = fork(MEASURED, args, {
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: ['--expose-gc', ...STREAMING_V8_FLAGS],
  });
  return await new Promise((resolve, reject) => {
    let answer: AuditMeasure | undefined;
    child.once('message', (message) => {
      answer = message as AuditMeasure;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (answer !== undefined && code === 0) resolve(answer);
      else reject(new Error(`${what} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
