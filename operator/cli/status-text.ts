// The status for people. Pure. Passwords stay out of it; `--json` has them for programs.
import type { StackStatus } from '../supervisor/stack-status.ts';

export function statusText(status: StackStatus): string {
  const services = status.services.map(({ name, pid, state, restarts, healthUrl, ready, lastExit }) => [
    name,
    state === 'running' && !ready ? 'running, not ready' : state,
    pid === null ? '-' : String(pid),
    String(restarts),
    healthUrl ?? '-',
    exitText(lastExit),
  ]);
  const servers = status.servers.map(({ name, pid, state, restarts, lastExit }) => [
    name,
    state,
    pid === null ? '-' : String(pid),
    String(restarts),
    '-',
    exitText(lastExit),
  ]);
  const { kafka, database, gateway, simulator } = status;
  const addresses = [
    ['kafka', kafka.brokers.join(', ')],
    ['schema registry', kafka.registryUrl],
    ['database', withoutPassword(database.url)],
    ['gateway', gateway.url],
    ['console', status.console.url],
    ['simulator', simulator === null ? 'none (PMC_SOURCES is set)' : `${simulator.wsUrl}, ${simulator.apiUrl}`],
    ['state', status.home],
  ];
  const processes = table([['process', 'state', 'pid', 'restarts', 'health', 'last exit'], ...servers, ...services]);
  return `${status.ready ? 'ready' : 'not ready'}\n\n${processes}\n\n${table(addresses)}\n`;
}

/** A password may stand before the host, and among the parameters. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  url.password = '';
  for (const name of [...url.searchParams.keys()]) if (/password/i.test(name)) url.searchParams.delete(name);
  return url.href;
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function exitText(lastExit: StackStatus['servers'][number]['lastExit']): string {
  return lastExit === null ? '' : [lastExit.reason, lastExit.lastLine].filter((part) => part !== null).join(': ');
}
