// docs/chaos-faults.md: every fault of the simulator, from the table that arms them, and every outage of a run. Pure.
import { faultsOf, PARTS, type Part } from '../../experiment/faults/outages.ts';
import type { Fault } from '../../producers/chaos-socket/faults/fault.ts';
import { GENERATED_NOTE, table } from './markdown.ts';

export function faultsPage(faults: Iterable<Fault>): string {
  const rows = [...faults].map(({ name, does, expects, needs, settings }) => [
    `\`${name}\``,
    `${does}${needs === undefined ? '' : ' (*counts*)'}`,
    optionsOf(settings),
    expects,
  ]);
  return `# The faults of chaos-socket

${GENERATED_NOTE}

How they are armed, and where their firings are written: [chaos-socket.md](chaos-socket.md). Faults marked *counts* strike only sources
that speak \`pmc.v1\`. The last column is the verdict that a fault must lead to.

${table(['Fault', 'What it does', 'Options', 'Must lead to'], rows)}

## Outages of a run

What happens to processes and networks is not in the simulator's power: a run breaks what it has started itself, on a plan of the same seed
(\`experiment/faults\`). \`log\`, \`database\` and \`source\` are broken by the link to them, \`log\`, \`database\` and the services as processes. Packets
are lost only by a link of network namespaces.

${outageTable()}
${table(
  ['Part', 'Whatever happens to it must lead to'],
  Object.entries(PARTS).map(([part, { expects }]) => [`\`${part}\``, expects]),
)}
`;
}

function outageTable(): string {
  const faults = (Object.keys(PARTS) as Part[]).flatMap(faultsOf);
  const rows = [...Map.groupBy(faults, ({ outage }) => outage).values()].map((same) => [
    same.map(({ fault }) => `\`${fault}\``).join(' '),
    same[0]?.does ?? '',
  ]);
  return table(['Faults', 'What happens'], rows);
}

function optionsOf(settings: object): string {
  const named = Object.entries(settings as Readonly<Record<string, { readonly default?: unknown }>>);
  return named
    .map(([name, { default: value }]) => `\`${name}${value === undefined ? '' : `=${JSON.stringify(value)}`}\``)
    .join(' ');
}
