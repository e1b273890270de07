// Which sequence number the first record of a batch has, for each producer id that one producer of the library was given. The
// library would number a record for each message that it is handed, and makes two maps and three objects of every one; so it is handed
// a batch as one message, and the records are counted here.
//
// What makes numbers safe: under one producer id those of a partition follow one another without a gap, and a batch that is sent again
// under it has the number that it had. A batch goes through one partition's lane, one at a time (kafka/appending.ts).
import { UserError } from '@platformatic/kafka';
import { ByPartition } from '../by-partition.ts';
import type { AppendRecord, TopicPartition } from '../log.ts';

/** The records of one send; of every other send it is another one, whatever its records are. */
export class SentBatch {
  readonly records: readonly AppendRecord[];
  /** The last producer id that it was sent under, and its number there. */
  numbered: { readonly producerId: bigint; readonly baseSequence: number } | undefined;

  constructor(records: readonly AppendRecord[]) {
    this.records = records;
  }
}

/** The library asks for another id after every refusal. */
const PRODUCER_IDS_MAX = 1_000;

export class SequenceNumbers {
  readonly #next = new Map<bigint, ByPartition<number>>();

  /** Throws when there were so many ids that none can be remembered any more: a number that is used again would be taken for a duplicate. */
  baseOf(batch: SentBatch, to: TopicPartition, producerId: bigint): number {
    if (batch.numbered?.producerId === producerId) return batch.numbered.baseSequence;
    const next = this.#of(producerId);
    const baseSequence = next.get(to) ?? 0;
    next.set(to, baseSequence + batch.records.length);
    batch.numbered = { producerId, baseSequence };
    return baseSequence;
  }

  #of(producerId: bigint): ByPartition<number> {
    const known = this.#next.get(producerId);
    if (known !== undefined) return known;
    // Nothing that the library would try again.
    if (this.#next.size >= PRODUCER_IDS_MAX) throw new UserError(`a producer was given ${PRODUCER_IDS_MAX} ids`);
    const fresh = new ByPartition<number>();
    this.#next.set(producerId, fresh);
    return fresh;
  }
}
