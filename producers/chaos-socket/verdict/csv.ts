// CSV as RFC 4180 has it, in portions: a quoted field may hold commas, quotes and line ends, and a portion may end anywhere.
// Pure.

export type CsvRecord = readonly string[];

export class CsvReader {
  #field = '';
  #record: string[] = [];
  /** `closing` is a quote inside a quoted field: the end of it, or the first half of a quote that is meant. */
  #state: 'start' | 'plain' | 'quoted' | 'closing' = 'start';

  /** The records that are complete with this portion. */
  push(portion: string): readonly CsvRecord[] {
    const records: CsvRecord[] = [];
    for (const character of portion) {
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
    this.#record.push(this.#field);
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

/** One line, with its line end. */
export function csvLine(fields: readonly string[]): string {
  return `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\n`;
}
