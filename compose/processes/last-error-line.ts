// What a person is shown of a log when its process ended: the last line that speaks of an error. A process that gave up
// by itself said why in its last words, whatever they are; one that was killed was in the middle of something else.
const LENGTH_MAX = 240;
const SPEAKS_OF_ERROR = /error\b|\bfatal\b|\bpanic\b|exception\b|\bfailed\b|\bcannot\b|\bdenied\b/i;

export function lastErrorLine(text: string, { wasKilled }: { wasKilled: boolean }): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('at '));
  const shown = lines.map(readable);
  const line = shown.findLast(({ isError }) => isError) ?? (wasKilled ? undefined : shown.at(-1));
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
