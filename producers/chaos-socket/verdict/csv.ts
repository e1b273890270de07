// CSV as RFC 4180 has it, in portions: a quoted field may hold commas, quotes and line ends, and a portion may end anywhere.
// A spreadsheet calculates what begins like a formula, and senders choose their ids: such a field is written behind an apostrophe, as
// OWASP advises, and read without it. Pure.

const COMMA = 0x2c;
const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;

/** What begins like a formula, perhaps behind the apostrophes that then cannot be told from ours. */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;
const NUMBER_BELOW_ZERO = /^-\d+(?:\.\d+)?$/;
/** A spreadsheet may take semicolons and tabs for the ends of fields. */
const SPECIAL = /[",;\t\r\n]/;

export type CsvRecord = readonly string[];

export class CsvReader {
  #field = '';
  #record: string[] = [];
  /** `closing` is a quote inside a quoted field: the end of it, or the first half of a quote that is meant. */
  #state: 'start' | 'plain' | 'quoted' | 'closing' = 'start';

  /** Characters of a field that has not ended yet. */
  get pending(): number {
    return this.#field.length;
  }

  /** The records that are complete with this portion. */
  push(portion: string): readonly CsvRecord[] {
    const records: CsvRecord[] = [];
    for (let at = 0; at < portion.length; at++) {
      const plain = this.#state === 'start' || this.#state === 'plain' ? plainEnd(portion, at) : at;
      if (plain > at) {
        // Nearly everything there is: taken as a whole, not letter by letter.
        this.#field += portion.slice(at, plain);
        this.#state = 'plain';
        at = plain - 1;
        continue;
      }
      const character = portion[at] ?? '';
      if (this.#state === 'quoted') {
        if (character === '"') this.#state = 'closing';
        else this.#field += character;
      } else if (character === '"' && this.#state === 'start') this.#state = 'quoted';
      else if (character === '"' && this.#state === 'closing') {
        this.#field += '"';
        this.#state = 'quoted';
      } else if (character === ',') this.#endField();
      else if (character === '\n') records.push(this.#endRecord());
      else if (character !== '\r') {
        this.#field += character;
        this.#state = 'plain';
      }
    }
    return records;
  }

  /** The last record, where the file does not end with a line end. */
  end(): readonly CsvRecord[] {
    return this.#field === '' && this.#record.length === 0 ? [] : [this.#endRecord()];
  }

  #endField(): void {
    const isGuarded = this.#field.startsWith("'") && FORMULA.test(this.#field);
    this.#record.push(isGuarded ? this.#field.slice(1) : this.#field);
    this.#field = '';
    this.#state = 'start';
  }

  #endRecord(): CsvRecord {
    this.#endField();
    const record = this.#record;
    this.#record = [];
    return record;
  }
}

/** Where the text that means nothing to CSV ends. */
function plainEnd(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === QUOTE || code === LINE_FEED || code === RETURN) break;
  }
  return at;
}

/** One line, with its line end. */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\n`;
}

function csvField(text: string): string {
  const guard = FORMULA.test(text) && !NUMBER_BELOW_ZERO.test(text) ? "'" : '';
  return guard !== '' || SPECIAL.test(text) ? `"${guard}${text.replaceAll('"', '""')}"` : text;
}
