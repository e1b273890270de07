// Pure: what it means that a row was not inserted. The database says which rows stand in its way.
//
//   same coordinates, same id     → replayed: it was stored before, nothing to do
//   other coordinates, same id    → duplicate of the record at those coordinates
//   same coordinates, another id  → the log is not the one that was stored: it lost its tail and was written on (never swallowed).
//                                   A topic that was created again has other coordinates, and the reader does not mix the two
//   neither                       → another body of its identity is in the way; or what was, is deleted meanwhile
import { PmcError } from '../../service/errors.ts';
import type { Row } from './rows.ts';

/** A row of message_metadata that an insert ran into. */
export type ExistingRow = Pick<Row, 'id' | 'incarnation' | 'partition' | 'recordOffset'>;

export interface Duplicate {
  readonly row: Row;
  readonly first: ExistingRow;
}

export interface Classified {
  readonly replayed: readonly Row[];
  readonly duplicates: readonly Duplicate[];
  readonly otherBodies: readonly Row[];
}

/** Throws PMC_LOG_REWRITTEN; then nothing may be committed. */
export function classify(notInserted: readonly Row[], existing: readonly ExistingRow[]): Classified {
  const byId = new Map(existing.map((row) => [row.id, row]));
  const byCoordinates = new Map(existing.map((row) => [coordinatesOf(row), row]));
  const replayed: Row[] = [];
  const duplicates: Duplicate[] = [];
  const otherBodies: Row[] = [];
  for (const row of notInserted) {
    const sameId = byId.get(row.id);
    const sameCoordinates = byCoordinates.get(coordinatesOf(row));
    if (sameCoordinates !== undefined && sameCoordinates.id !== row.id) throw rewritten(row, sameCoordinates);
    if (sameCoordinates !== undefined) replayed.push(row);
    else if (sameId !== undefined) duplicates.push({ row, first: sameId });
    else otherBodies.push(row);
  }
  return { replayed, duplicates, otherBodies };
}

function coordinatesOf({ incarnation, partition, recordOffset }: ExistingRow): string {
  return `${incarnation}/${partition}/${recordOffset}`;
}

function rewritten(row: Row, stored: ExistingRow): PmcError {
  const where = `partition ${row.partition}, offset ${row.recordOffset}, incarnation ${row.incarnation}`;
  const message =
    `at ${where}, the log has another event than the row that was stored from there: the log lost its tail, or was brought back ` +
    'from an older copy, and was written on';
  return new PmcError('PMC_LOG_REWRITTEN', message, {
    coordinates: coordinatesOf(row),
    storedId: stored.id,
    id: row.id,
  });
}

/** Nothing is in the way of a row any more that something was in the way of: the transaction has to be repeated. */
export function vanished(row: Row): PmcError {
  const message = `the row in the way of ${coordinatesOf(row)} was deleted meanwhile`;
  return new PmcError('PMC_PERSISTENCE_ROW_VANISHED', message, { coordinates: coordinatesOf(row), id: row.id });
}
