// docs/log-clients.md; pure.
import type { Hazard, Standing } from '../../test/support/log/hazards.ts';
import { GENERATED_NOTE, table } from './markdown.ts';

const OPENING = `# The clients of the log

Two libraries speak with Kafka here, and both are known to lose, repeat or stop records in ways that their users are not told of.
\`kafka/\` is where that ends: a small port, and an adapter for each library. Which one appends and which one reads is a setting
(\`PMC_KAFKA_APPENDER\`, \`PMC_KAFKA_READER\`).

Each row below is such a defect. *Held* means that a test whose name begins with the row's number shows it for that client, on real
brokers behind a proxy that breaks connections and loses answers (\`npm run test:faults\`), or beside the code (what both clients go
through counts for both); what is on the log is
read by Kafka's own console consumer. A negative control uses kafkajs as one would without knowing: the suite must find what it
loses, in \`test/faults/naive-appender-loses-records.test.ts\`.
`;

/** test/faults/last-long-run.json, which the long form of the suite writes. */
export interface LongRun {
  readonly date: string;
  readonly node: string;
  readonly cores: number;
  readonly records: number;
  readonly clients: readonly {
    readonly client: string;
    readonly durationMs: number;
    readonly faults: number;
    readonly acked: number;
    readonly unknown: number;
    readonly copies: number;
    readonly missing: number;
    readonly disordered: number;
    readonly unsettled: number;
  }[];
}

export function logClientsPage(hazards: readonly Hazard[], longRun: LongRun): string {
  const head = ['Row', 'Defect', 'What it would cost', 'What holds it', 'kafkajs', '@platformatic/kafka'];
  const rows = hazards.map(({ number, defect, consequence, heldBy, standing }) => [
    String(number),
    defect,
    consequence,
    heldBy,
    told(standing.kafkajs),
    told(standing.platformatic),
  ]);
  return [OPENING, GENERATED_NOTE, table(head, rows), longRunSection(longRun)].join('\n');
}

function longRunSection({ date, node, cores, records, clients }: LongRun): string {
  const opening = `## The last long run

\`PMC_FAULTS=long npm run test:faults\`, ${date}, Node ${node}, ${cores} cores: ${records.toLocaleString('en')} records by each client, with faults all the time. An
unknown is a record of an append without an answer, counted at each attempt; it was appended again. A copy is a record that is on
the log once more because of that; each was reported as possible, and readers tell it by its identity.
`;
  const head = [
    'Client',
    'Seconds',
    'Faults',
    'Acknowledged',
    'of these missing',
    'out of order',
    'Left open',
    'Unknown',
    'Copies',
  ];
  const rows = clients.map((one) => [
    one.client,
    (one.durationMs / 1_000).toFixed(0),
    ...[one.faults, one.acked, one.missing, one.disordered, one.unsettled, one.unknown, one.copies].map((count) =>
      count.toLocaleString('en'),
    ),
  ]);
  return [opening, table(head, rows)].join('\n');
}

function told(standing: Standing): string {
  if (standing === 'held') return 'held';
  return 'notHeld' in standing ? `not held: ${standing.notHeld}` : `not applicable: ${standing.notApplicable}`;
}
