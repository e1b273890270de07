// The client as a program; everything else is in terminal.ts.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { noticeLostOutput } from '../../service/lost-output.ts';
import { readCommandLine } from './command-line.ts';
import { runOnTerminal } from './terminal.ts';

const { stdin, stdout, stderr, env: environment } = process;
const OUTPUT_LOST_EXIT = 1;
let isOutputLost = false;
noticeLostOutput('client', process, () => {
  isOutputLost = true;
  process.exitCode = OUTPUT_LOST_EXIT;
});
const invocation = readCommandLine(process.argv.slice(2), environment);
if (invocation.do === 'explain') {
  (invocation.exitCode === 0 ? stdout : stderr).write(invocation.text);
  process.exitCode = invocation.exitCode;
} else {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  const terminal = { stdin, stdout, stderr, environment, signal: interruption.signal };
  const exitCode = await runOnTerminal(invocation.settings, terminal);
  // What became of the last line is told by then.
  await nextTurn();
  // The terminal may still be open for reading, which would keep the process.
  process.exit(isOutputLost ? OUTPUT_LOST_EXIT : exitCode);
}
