// One row of message_metadata as `pmc rows export` writes it: where it lies, who it is, and the hash of its text as the
// database computes it. Pure; the column list is what the export selects and what the comparison reads.
import { PmcError } from '../../../service/errors.ts';
import type { CsvRecord } from './csv.ts';

export const ROW_COLUMNS = [
  'sha256',
  'event_id',
  'kind',
  'chat',
  'source',
  'stream',
  'stream_epoch',
  'seq',
  'incarnation',
  'partition',
  'record_offset',
  'flags',
  'received_at',
] as const;
type RowColumn = (typeof ROW_COLUMNS)[number];
/** Exports of before do not have it. */
const OPTIONAL: RowColumn = 'received_at';

export interface ExportedRow {
  readonly sha256: string;
  readonly id: string | undefined;
  readonly chat: string | undefined;
  /** The name that the communicator gave the source: host, port and path. */
  readonly source: string;
  readonly stream: string | undefined;
  readonly epoch: string | undefined;
  readonly seq: number | undefined;
  /** Topic incarnation and partition: rows of one of them are ordered by their offsets. */
  readonly partition: string;
  readonly offset: number;
  readonly flags: readonly string[];
  /** When the communicator received it, by its clock. */
  readonly receivedAtMs: number | undefined;
}

/** Reads the records of an export; the first one names the columns, in any order and among others. */
export class RowReader {
  #columns: ReadonlyMap<RowColumn, number> | undefined;
  #records = 0;

  read(record: CsvRecord): ExportedRow | undefined {
    this.#records += 1;
    if (this.#columns === undefined) {
      this.#columns = columnsOf(record);
      return undefined;
    }
    const columns = this.#columns;
    const field = (name: RowColumn): string => record[columns.get(name) ?? -1] ?? '';
    const optional = (name: RowColumn): string | undefined => field(name) || undefined;
    const offset = Number(field('record_offset'));
    if (!/^[0-9a-f]{64}$/.test(field('sha256')) || field('record_offset') === '' || !Number.isSafeInteger(offset)) {
      throw unreadable(`record ${this.#records} has no sha256 or no record_offset`);
    }
    return {
      sha256: field('sha256'),
      id: optional('event_id'),
      chat: optional('chat'),
      source: field('source'),
      stream: optional('stream'),
      epoch: optional('stream_epoch'),
      seq: optional('seq') === undefined ? undefined : Number(field('seq')),
      partition: `${field('incarnation')} ${field('partition')}`,
      offset,
      flags: field('flags')
        .split(' ')
        .filter((flag) => flag !== ''),
      receivedAtMs: timeOf(field('received_at')),
    };
  }

  /** Throws where there was not even a line with the columns. */
  end(): void {
    if (this.#columns === undefined) throw unreadable('it is empty');
  }
}

function columnsOf(header: CsvRecord): ReadonlyMap<RowColumn, number> {
  const missing = ROW_COLUMNS.filter((name) => name !== OPTIONAL && !header.includes(name));
  if (missing.length > 0) throw unreadable(`its first line does not name the columns ${missing.join(', ')}`);
  return new Map(ROW_COLUMNS.map((name) => [name, header.indexOf(name)]));
}

function timeOf(text: string): number | undefined {
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function unreadable(reason: string): PmcError {
  const message = `the export cannot be read: ${reason}; it must be the CSV of pmc rows export or the JSON of pmc audit run`;
  return new PmcError('PMC_CHAOS_EXPORT_UNREADABLE', message);
}

/**
 * The path of a source: what follows host and port in the communicator's name for it. Undefined for those who dial it themselves, who
 * have the name of their token.
 */
export function pathOf(sourceName: string): string | undefined {
  // A host may have such a name too, and then there is a port behind it.
  if (/^(?:user|source):(?!\d+(?:\/|$))/.test(sourceName)) return undefined;
  const slash = sourceName.indexOf('/');
  return slash === -1 ? '/' : sourceName.slice(slash);
}
