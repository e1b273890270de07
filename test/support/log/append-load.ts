// Appends as the communicator does: through the accumulator, over all partitions of a topic, waiting whenever it is full.
import { Accumulator, type RecordOutcome } from '../../../kafka/accumulator.ts';
import { createLogger } from '../../../service/logger.ts';
import { type AppendLedger, numbered } from './append-ledger.ts';

export interface AppendLoad {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  /** Number of the first record on each partition; 0 when absent. */
  readonly first?: number;
  readonly batchRecordsMax?: number;
  readonly bytesMax?: number;
  readonly recordBytes?: number;
  /** Called before every record; where a test makes its faults. */
  onRecord?(index: number): void | Promise<void>;
}

export interface Loaded {
  readonly outcomes: readonly RecordOutcome[];
  /** The most that was buffered at once. */
  readonly bufferedBytesMax: number;
}

const logger = createLogger('test', 'silent');
const YIELD_EVERY = 100;

/** Resolves when every record has its outcome. */
export async function appendLoad(ledger: AppendLedger, load: AppendLoad): Promise<Loaded> {
  const { topic, partitions, records, batchRecordsMax = 100, bytesMax = 1_000_000, recordBytes = 0, first = 0 } = load;
  const limits = { batchRecordsMax, batchBytesMax: 262_144, bytesMax, recordBytesMax: 1_000_000 };
  const accumulator = new Accumulator({ appender: ledger, logger, ...limits });
  const outcomes: Promise<RecordOutcome>[] = [];
  let bufferedBytesMax = 0;
  for (let index = 0; index < records; index += 1) {
    if (accumulator.full) await accumulator.drained();
    await load.onRecord?.(index);
    const to = { topic, partition: index % partitions };
    outcomes.push(accumulator.append(to, numbered(to, first + Math.floor(index / partitions), recordBytes)));
    bufferedBytesMax = Math.max(bufferedBytesMax, accumulator.bufferedBytes);
    if (index % YIELD_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { outcomes: await Promise.all(outcomes), bufferedBytesMax };
}
