// What the two benchmarks of the log have in common: topics of one shape on a scratch broker, Kafka's own tools as peers, and
// runs that take turns, so that what slows the machine down for a while slows all of them down.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Figure, spread } from './figures.ts';
import type { ClientRun } from './log-client.ts';
import type { ScratchKafka } from './scratch-kafka.ts';

export const PARTITIONS = 6;
/** About what an event of this system has on the log. */
export const VALUE_BYTES = 290;
export const CLIENTS = ['kafkajs', 'platformatic'] as const;

const MEASURED = fileURLToPath(new URL('./log-client.ts', import.meta.url));

export async function createTopic(kafka: Pick<ScratchKafka, 'runTool'>, topic: string): Promise<void> {
  const shape = ['--partitions', String(PARTITIONS), '--replication-factor', '1', '--config', 'file.delete.delay.ms=0'];
  await kafka.runTool('TopicCommand', ['--create', '--topic', topic, ...shape]);
}

export async function deleteTopic(kafka: Pick<ScratchKafka, 'runTool'>, topic: string): Promise<void> {
  await kafka.runTool('TopicCommand', ['--delete', '--topic', topic]);
}

/** One run of our port in a process of its own; what it logs goes to stderr. */
export async function runClient(
  direction: 'append' | 'read',
  client: (typeof CLIENTS)[number],
  { broker }: ScratchKafka,
  topic: string,
  records: number,
): Promise<ClientRun> {
  const args = [direction, client, broker, topic, String(records)];
  const child = fork(MEASURED, args, { stdio: ['ignore', 2, 2, 'ipc'] });
  return await new Promise((resolve, reject) => {
    let run: ClientRun | undefined;
    child.once('message', (message) => {
      run = message as ClientRun;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (run !== undefined && code === 0) resolve(run);
      else reject(new Error(`${direction} with ${client} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

export interface Round {
  readonly peer: number;
  readonly clients: Readonly<Record<(typeof CLIENTS)[number], ClientRun>>;
}

/** Rates of the peer and of both clients, these as ratios to the peer of the same round too, and what a record costs in CPU. */
export function logFigures(direction: 'append' | 'read', peer: string, rounds: readonly Round[]): readonly Figure[] {
  const unit = 'records/s';
  return [
    { figure: `${direction}.${peer}`, unit, value: spread(rounds.map((round) => round.peer)) },
    ...CLIENTS.flatMap((client): Figure[] => {
      const runs = rounds.map(({ clients, ...round }) => ({ ...clients[client], peer: round.peer }));
      return [
        {
          figure: `${direction}.${client}`,
          unit,
          value: spread(runs.map(({ recordsPerSecond }) => recordsPerSecond)),
          against: peer,
          ratio: spread(runs.map(({ recordsPerSecond, peer: rate }) => recordsPerSecond / rate)),
        },
        {
          figure: `${direction}.${client}.cpu`,
          unit: 'us/record',
          value: spread(runs.map(({ cpuMicrosPerRecord }) => cpuMicrosPerRecord)),
        },
      ];
    }),
  ];
}
