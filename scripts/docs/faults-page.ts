// docs/chaos-faults.md: every fault of the simulator, from the table that arms them. Pure.
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
`;
}

function optionsOf(settings: object): string {
  const named = Object.entries(settings as Readonly<Record<string, { readonly default?: unknown }>>);
  return named
    .map(([name, { default: value }]) => `\`${name}${value === undefined ? '' : `=${JSON.stringify(value)}`}\``)
    .join(' ');
}
