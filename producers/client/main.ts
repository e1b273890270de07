// The client as a program; everything else is in terminal.ts.
import { readCommandLine } from './command-line.ts';
import { runOnTerminal } from './terminal.ts';

const { stdin, stdout, stderr, env: environment } = process;
const invocation = readCommandLine(process.argv.slice(2), environment);
if (invocation.do === 'explain') {
  (invocation.exitCode === 0 ? stdout : stderr).write(invocation.text);
  process.exitCode = invocation.exitCode;
} else {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
  // A reader that has seen enough is no failure.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const terminal = { stdin, stdout, stderr, environment, signal: interruption.signal };
  const exitCode = await runOnTerminal(invocation.settings, terminal);
  // The terminal may still be open for reading, which would keep the process.
  process.exit(exitCode);
}
