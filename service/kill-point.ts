// Named places at which a process can be made to kill itself, as a power cut would: for tests of what a crash there leaves behind.
// A place does nothing unless this process was told of it at its start (PMC_KILL_AT, see lifecycle.ts).

let armed: { readonly name: string; left: number } | undefined;

/** `NAME:NTH`, as in PMC_KILL_AT: the process ends by SIGKILL when it comes to that place for the NTH time. */
export function armKillPoint(text: string | undefined): void {
  if (text === undefined || text === '') return;
  const [name = '', nth = '1'] = text.split(':');
  armed = { name, left: Number(nth) };
}

export function killPoint(name: string): void {
  if (armed?.name !== name) return;
  armed.left -= 1;
  if (armed.left <= 0) process.kill(process.pid, 'SIGKILL');
}
