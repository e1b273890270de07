// The exact text of a member's value in a JSON object, as its author wrote it: JSON.parse and JSON.stringify would turn
// 1.0e2 into 100 and \u0041 into A, and a frame asked for by its text must go out as that text.

/** `json` must be valid JSON. Undefined when it is no object or has no such member; of several the last counts. */
export function memberText(json: string, name: string): string | undefined {
  let at = afterSpace(json, 0);
  if (json[at] !== '{') return undefined;
  let found: string | undefined;
  at = afterSpace(json, at + 1);
  while (json[at] === '"') {
    const keyEnd = afterString(json, at);
    const key: unknown = JSON.parse(json.slice(at, keyEnd));
    const valueStart = afterSpace(json, afterSpace(json, keyEnd) + 1);
    const valueEnd = afterValue(json, valueStart);
    if (key === name) found = json.slice(valueStart, valueEnd);
    at = afterSpace(json, valueEnd);
    if (json[at] === ',') at = afterSpace(json, at + 1);
  }
  return found;
}

function afterSpace(json: string, from: number): number {
  let at = from;
  while (at < json.length && ' \t\n\r'.includes(json[at] ?? '')) at++;
  return at;
}

function afterString(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function afterValue(json: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const character = json[at] ?? '';
    if (character === '"') {
      at = afterString(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && ', \t\n\r'.includes(character)) return at;
    at++;
  }
  return at;
}
