// The two files of a comparison as they come, in portions of text: first those of the ledger, then the export. Pure. It keeps no
// line and no row, so that files of any size can be compared; only the report of an audit, which is small, is read as a whole.
import { PmcError } from '../../../service/errors.ts';
import { judgeCounts } from './audit-counts.ts';
import { CsvReader, type CsvRecord } from './csv.ts';
import { RowReader } from './exported-row.ts';
import { parseLedgerLine } from './ledger-line.ts';
import { SentFrames } from './sent-frames.ts';
import { type ChaosVerdict, RowComparison } from './verdict.ts';

const REPORT_CHARS_MAX = 64 * 1_024 * 1_024;
const FIELD_CHARS_MAX = 4 * 1_024 * 1_024;

/** A ledger of several files. */
export class LedgerReading {
  readonly sent = new SentFrames();
  #rest = '';
  #lineNumber = 0;

  /** Throws PMC_CHAOS_LEDGER_UNREADABLE, which names the line. */
  push(portion: string): void {
    let from = 0;
    for (let end = portion.indexOf('\n'); end !== -1; end = portion.indexOf('\n', from)) {
      this.#line(this.#rest + portion.slice(from, end));
      this.#rest = '';
      from = end + 1;
    }
    this.#rest += portion.slice(from);
  }

  /** Its last line may lack its end; the next file's lines are counted from 1. */
  endFile(): void {
    this.#line(this.#rest);
    this.#rest = '';
    this.#lineNumber = 0;
  }

  #line(text: string): void {
    this.#lineNumber += 1;
    const line = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (line !== '') this.sent.add(parseLedgerLine(line, this.#lineNumber));
  }
}

/** An export beside a ledger that has been read: the CSV of rows, or the JSON of an audit, which begins with a brace. */
export class ExportReading {
  readonly #sent: SentFrames;
  readonly #csv = new CsvReader();
  readonly #reader = new RowReader();
  readonly #rows: RowComparison;
  #report: string | undefined;
  #isBegun = false;

  constructor(sent: SentFrames) {
    this.#sent = sent;
    this.#rows = new RowComparison(sent);
  }

  /** Throws PMC_CHAOS_EXPORT_UNREADABLE. */
  push(portion: string): void {
    if (!this.#isBegun && portion.trimStart() !== '') {
      this.#isBegun = true;
      if (portion.trimStart().startsWith('{')) this.#report = '';
    }
    if (this.#report === undefined) this.#take(this.#csv.push(portion));
    else this.#report += portion;
    if ((this.#report?.length ?? 0) > REPORT_CHARS_MAX)
      throw unreadable('no report of an audit is as large as this JSON');
    if (this.#csv.pending > FIELD_CHARS_MAX) throw unreadable(`a field has more than ${FIELD_CHARS_MAX} characters`);
  }

  end(): ChaosVerdict {
    if (this.#report !== undefined) return judgeCounts(this.#sent, parsed(this.#report));
    this.#take(this.#csv.end());
    this.#reader.end();
    return this.#rows.verdict();
  }

  #take(records: readonly CsvRecord[]): void {
    for (const record of records) {
      const row = this.#reader.read(record);
      if (row !== undefined) this.#rows.add(row);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable('it begins like JSON and is none', error);
  }
}

function unreadable(reason: string, cause?: unknown): PmcError {
  return new PmcError('PMC_CHAOS_EXPORT_UNREADABLE', `the export cannot be read: ${reason}`, {}, { cause });
}
