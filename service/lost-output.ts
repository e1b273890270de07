// What becomes of a program whose output is not taken. A reader that has seen enough (`… | head -1`) is no failure. A disk that is full
// is one: what was to be read later, or is shown only once, is not there.
import type { Writable } from 'node:stream';

export interface Output {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Says so in one line, once, and tells. Of what stderr does not take nobody can be told. */
export function noticeLostOutput(name: string, { stdout, stderr }: Output, onLost: () => void): void {
  let isSaid = false;
  stderr.on('error', () => undefined);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isSaid) return;
    isSaid = true;
    stderr.write(`${name}: the output is not complete: ${error.message}\n`);
    onLost();
  });
}
