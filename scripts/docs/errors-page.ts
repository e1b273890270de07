// docs/errors.md; pure.
import type { ErrorCode } from '../../service/error-codes.ts';
import { code, GENERATED_NOTE, table } from './markdown.ts';

const OPENING = `# Errors

Every error that this system names has a stable code. The text of a message may change, its code does not; scripts and
alerts go by the code. A line on stderr reads \`CODE: message (innermost cause)\`, a log line has the same text in \`error\`.

*Retriable* means that the same operation may succeed later without anybody changing anything: a running service then
keeps trying and says so in its log and on /ready. *Exit* is the exit code of a command that ends with the error.
`;

export function errorsPage(codes: Readonly<Record<string, ErrorCode>>): string {
  const sorted = Object.entries(codes).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = sorted.map(([name, { meaning, action, retriable, exitCode }]) => [
    code(name),
    meaning,
    action,
    retriable ? 'yes' : 'no',
    String(exitCode),
  ]);
  const head = ['Code', 'What happened', 'What to do', 'Retriable', 'Exit'];
  return [OPENING, GENERATED_NOTE, table(head, rows)].join('\n');
}
