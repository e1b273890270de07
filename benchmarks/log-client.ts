// One measured run of our port in a process of its own, so that clients share neither heap nor compiled code:
// `log-client.ts append|read CLIENT BROKER TOPIC RECORDS`. The clock runs as in Kafka's own tools: for appends from the first
// record until the last acknowledgement, for reads from the assignment until the last record. The answer goes to the parent.
import { Accumulator } from '../kafka/accumulator.ts';
import { openAdmin, openAppender, openReader } from '../kafka/connect.ts';
import type { AppendRecord } from '../kafka/log.ts';
import { createLogger } from '../service/logger.ts';
import { PARTITIONS, VALUE_BYTES } from './log-topic.ts';

export interface ClientRun {
  readonly recordsPerSecond: number;
  readonly cpuMicrosPerRecord: number;
}

type Client = 'kafkajs' | 'platformatic';

const BATCH_RECORDS_MAX = 1_000;
/** What a source would send between two turns of the event loop. */
const RECORDS_PER_TURN = 500;

const [direction, client, broker = '', topic = '', count] = process.argv.slice(2);
const records = Number(count);
const clientName: Client = client === 'platformatic' ? 'platformatic' : 'kafkajs';
const logger = createLogger('bench', 'warn');
const clientId = `pmc-bench-${process.pid}`;
const config = { brokers: [broker], appenderClient: clientName, readerClient: clientName };
// Without the parent nobody waits for the answer.
process.once('disconnect', () => process.exit());
const run = direction === 'append' ? await append() : await read();
process.send?.(run satisfies ClientRun, () => process.disconnect?.());

/** With the communicator's limits. */
async function append(): Promise<ClientRun> {
  const appender = openAppender({ config, clientId, logger });
  const limits = { batchRecordsMax: 500, batchBytesMax: 524_288, bytesMax: 33_554_432, recordBytesMax: 1_048_588 };
  const accumulator = new Accumulator({ appender, logger, ...limits });
  const value = Buffer.alloc(VALUE_BYTES, 'x');
  const targets = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  const stopwatch = startStopwatch();
  let acked = 0;
  for (let sent = 0; sent < records; sent += 1) {
    const record: AppendRecord = { key: null, value, headers: {}, timestampMs: Date.now() };
    const to = targets[sent % PARTITIONS] ?? { topic, partition: 0 };
    void accumulator.append(to, record).then(({ outcome }) => {
      if (outcome === 'acked') acked += 1;
    });
    if (accumulator.full) await accumulator.drained();
    else if ((sent + 1) % RECORDS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await accumulator.flush();
  const result = stopwatch(records);
  if (acked !== records) throw new Error(`${acked} of ${records} records were acknowledged`);
  await appender.stop();
  return result;
}

async function read(): Promise<ClientRun> {
  const admin = openAdmin({ config, clientId });
  const { promise: whole, resolve: finish, reject: fail } = Promise.withResolvers<ClientRun>();
  let stopwatch = startStopwatch();
  let seen = 0;
  const reader = await openReader(
    { config, clientId, logger },
    {
      groupId: clientId,
      topics: [topic],
      batchRecordsMax: BATCH_RECORDS_MAX,
      admin,
      onFatal: fail,
      onAssigned: () => {
        stopwatch = startStopwatch();
      },
      handleBatch: async (batch) => {
        seen += batch.records.length;
        if (seen >= records) finish(stopwatch(records));
      },
    },
  );
  const result = await whole;
  await reader.stop();
  await admin.stop();
  return result;
}

function startStopwatch(): (records: number) => ClientRun {
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  return (done) => {
    const { user, system } = process.cpuUsage(cpu);
    const recordsPerSecond = (done / (performance.now() - startedMs)) * 1_000;
    return { recordsPerSecond, cpuMicrosPerRecord: (user + system) / done };
  };
}
