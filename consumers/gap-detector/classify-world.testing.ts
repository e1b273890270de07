// A log and its rows for tests of the accounts.
import { type BucketRange, type Classified, classify, type LogEntry, type Row, type StoredSide } from './classify.ts';

export const AT = { topic: 'pmc.messages.incoming', partition: 4, incarnation: 'i' };
export const LENGTH = 40;

function range(lower: number, upper: number): BucketRange {
  return { ...AT, lower: BigInt(lower), upper: BigInt(upper) };
}

function entry(offset: number): LogEntry {
  return {
    kind: 'record',
    payloadHash: `hash ${offset}`,
    columns: 0,
    eventKey: `key ${offset}`,
    id: `m${offset}`,
    receivedAt: 0,
  };
}

export function rowOf(offset: number): Row {
  return { id: `key ${offset}`, payloadHash: `hash ${offset}`, columns: 0 };
}

/** A log and a database that agree in every offset; a test spoils them. */
export class World {
  readonly log = new Map<bigint, LogEntry>();
  readonly rows = new Map<bigint, Row>();
  readonly duplicates = new Map<bigint, Row | undefined>();
  readonly quarantined = new Map<bigint, { readonly refusedAgain: boolean }>();
  readonly purged: { lower: bigint; upper: bigint }[] = [];
  readonly purgedDuplicates = new Map<bigint, string>();

  constructor(length = LENGTH) {
    for (let offset = 0; offset < length; offset += 1) {
      this.log.set(BigInt(offset), entry(offset));
      this.rows.set(BigInt(offset), rowOf(offset));
    }
  }

  classify(lower = 0, upper = LENGTH): Classified {
    const { rows, duplicates, quarantined, purged, purgedDuplicates } = this;
    const stored: StoredSide = { rows, duplicates, quarantined, purged, purgedDuplicates };
    return classify(range(lower, upper), this.log, stored);
  }
}
