// What a person is shown of a log when its process ended: the last line that speaks of an error, else the last line.
const LENGTH_MAX = 300;
const SPEAKS_OF_ERROR = /\b(error|fatal|panic|exception|failed|cannot|denied)\b/i;

export function lastErrorLine(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('at '));
  const shown = lines.map(readable);
  const line = shown.findLast(({ isError }) => isError) ?? shown.at(-1);
  return line === undefined ? undefined : line.text.slice(0, LENGTH_MAX);
}

/** A structured line is shown by its event and error; any other as it is. */
function readable(line: string): { text: string; isError: boolean } {
  const fields = line.startsWith('{') ? parse(line) : undefined;
  if (fields === undefined) return { text: line, isError: SPEAKS_OF_ERROR.test(line) };
  const { level, event, error, message } = fields;
  const said = [event, error ?? message].filter((part) => typeof part === 'string').join(': ');
  return { text: said === '' ? line : said, isError: level === 'error' || level === 'fatal' };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
