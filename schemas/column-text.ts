// Pure. Text that a column can hold: PostgreSQL takes neither U+0000 nor half of a surrogate pair, and derived columns are bounded.
// What is altered is said, so that a row can be flagged; raw_payload keeps what the sender wrote.

export interface ColumnText {
  readonly text: string;
  readonly isSanitised: boolean;
  readonly isTruncated: boolean;
}

/** Of names: sources, chats, people. What is longer would not fit into an index. */
export const NAME_CHARS_MAX = 512;

const REPLACEMENT = '\uFFFD';

/** Whether `columnText` would give the text itself back, as it does of nearly every one. */
export function isColumnText(text: string, charsMax: number): boolean {
  return text.length <= charsMax && isStorable(text);
}

/** Replaces what PostgreSQL refuses, then cuts to `charsMax` UTF-16 code units without splitting a surrogate pair. */
export function columnText(original: string, charsMax: number): ColumnText {
  const text = storable(original);
  if (text.length <= charsMax) return { text, isSanitised: text !== original, isTruncated: false };
  const isPairSplit = isHighSurrogate(text.charCodeAt(charsMax - 1));
  return {
    text: text.slice(0, isPairSplit ? charsMax - 1 : charsMax),
    isSanitised: text !== original,
    isTruncated: true,
  };
}

/** The same, bounded by the size in UTF-8, which is what a long text costs the database. */
export function columnTextBytes(original: string, bytesMax: number): ColumnText {
  const text = storable(original);
  const isSanitised = text !== original;
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) {
    return { text, isSanitised, isTruncated: false };
  }
  const bytes = Buffer.from(text);
  let end = bytesMax;
  // A byte 10xxxxxx continues a character: step back to where the cut one begins.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { text: bytes.toString('utf8', 0, end), isSanitised, isTruncated: true };
}

/** The text with U+0000 and lone surrogates replaced by U+FFFD. */
export function storable(text: string): string {
  return isStorable(text) ? text : text.toWellFormed().replaceAll('\u0000', REPLACEMENT);
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

function isHighSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xd800 && codeUnit <= 0xdbff;
}
