// A rough reading of TypeScript for rules about its words; pure. Good enough to tell code from comments and quoted text.
const NOT_CODE = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The text with comments and quoted text blanked out; line numbers stay. Code inside template strings is blanked too. */
export function codeOf(text: string): string {
  return text.replace(NOT_CODE, (part) => part.replace(/[^\n]/g, ' '));
}

/** The comment that a file begins with. */
export function openingComment(text: string): string {
  return /^(?:#![^\n]*\n)?((?:\/\/[^\n]*(?:\n|$))*)/.exec(text)?.[1] ?? '';
}
