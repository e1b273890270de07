// Whether a JSON text nests too deeply, told without parsing it: who reads it later may recurse into what we let pass. Pure.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Whether there are more levels of objects and arrays than that; `{}` has one. Says nothing about whether the text is JSON. */
export function nestsDeeperThan(levels: number, text: string): boolean {
  return hasMoreOpeningsThan(levels, text) && depthOf(text) > levels;
}

/** Most texts have one or two, also counting those inside of strings, and to find them is quick. */
function hasMoreOpeningsThan(levels: number, text: string): boolean {
  let left = levels;
  for (const opening of ['{', '[']) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      if (left === 0) return true;
      left -= 1;
    }
  }
  return false;
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (inString) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}
