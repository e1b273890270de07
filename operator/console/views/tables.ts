// The tables below the balance sheet: partitions, services, lag and findings.
import type { PartitionAccounts } from '../audit-report.ts';
import type { Lag } from '../lag.ts';
import type { ServiceRow } from '../service-row.ts';
import type { Snapshot } from '../snapshot.ts';
import { figure } from '../wording.ts';
import { mark } from './mark.ts';
import { html, type Markup } from './markup.ts';

const CONDITION_WORD = { up: 'ready', degraded: 'not ready', down: 'down', stopped: 'stopped' } as const;

export function servicesSection({ services }: Snapshot): Markup {
  if (services === null) return html``;
  const rows = services.map(
    ({ name, pid, state, restarts, condition, reason }: ServiceRow) => html`<tr>
      <th scope="row">${name}</th><td>${mark(condition, CONDITION_WORD[condition])}</td><td>${state}</td>
      <td class="number ${restarts > 0 ? 'filled' : 'empty'}">${figure(restarts)}</td><td class="number">${pid ?? '–'}</td>
      <td class="reason">${reason ?? ''}</td></tr>`,
  );
  return html`<h2>Services</h2>${scrolling(
    'Services',
    html`<table><thead><tr><th scope="col">service</th><th scope="col">condition</th><th scope="col">process</th>
      <th scope="col" class="number">restarts</th><th scope="col" class="number">pid</th><th scope="col">reason</th></tr></thead>
      <tbody>${rows}</tbody></table>`,
  )}`;
}

export function partitionsSection({ audit: { live, run } }: Snapshot): Markup {
  const audit = live ?? run;
  if (audit === null || audit.perPartition.length === 0) return html``;
  const rows = audit.perPartition.map((one) => {
    const rest = one.control + one.aborted + one.expired + one.purged;
    return html`<tr><th scope="row">${one.topic}-${one.partition}</th><td class="number">${range(one)}</td>
      ${cell(one.settled)}${cell(one.stored)}${cell(one.duplicateOf)}${cell(one.quarantined)}${cell(rest)}
      ${alarm(one.altered)}${alarm(one.missing)}${alarm(one.extra)}${alarm(one.residual)}</tr>`;
  });
  const heads = [
    'settled',
    'stored',
    'duplicate of',
    'quarantined',
    'other',
    'altered',
    'missing',
    'extra',
    'residual',
  ];
  return html`<h2>Per partition</h2><p class="note">${audit === live ? 'Live audit' : 'Full audit'}; offsets from, inclusive, to, exclusive.
    “Other” is control, aborted, expired and purged.</p>${scrolling(
      'Accounts per partition',
      html`<table><thead><tr><th scope="col">partition</th><th scope="col" class="number">offsets</th>${heads.map(
        (head) => html`<th scope="col" class="number">${head}</th>`,
      )}</tr></thead><tbody>${rows}</tbody></table>`,
    )}`;
}

export function lagSection({ lag }: Snapshot): Markup {
  if (lag === null) return html`<h2>Lag</h2><p>Not known: Kafka does not answer.</p>`;
  const rows = lag.partitions.map(
    ({ partition, logStart, highWatermark, lag: byGroup }) => html`<tr><th scope="row">${partition}</th>
      <td class="number">${figure(logStart)}</td><td class="number">${figure(highWatermark)}</td>
      ${lag.groups.map(({ group }) => lagCell(byGroup[group] ?? null))}</tr>`,
  );
  return html`<h2>Lag</h2><p class="note">Records on ${lag.topic} that a group has not committed yet.</p>${scrolling(
    'Lag per group and partition',
    html`<table><thead><tr><th scope="col">partition</th><th scope="col" class="number">log start</th>
      <th scope="col" class="number">high watermark</th>${lag.groups.map(
        ({ group }) => html`<th scope="col" class="number">${group}</th>`,
      )}</tr></thead><tbody>${rows}</tbody>
      <tfoot><tr><th scope="row">all</th><td class="number">${figure(sum(lag, 'logStart'))}</td>
      <td class="number">${figure(sum(lag, 'highWatermark'))}</td>${lag.groups.map(({ total }) => lagCell(total))}</tr></tfoot></table>`,
  )}`;
}

export function findingsSection({ findings }: Snapshot): Markup {
  if (findings === null || findings.listed.length === 0) return html``;
  const rows = findings.listed.map(
    ({
      kind,
      stage,
      where,
      id,
      detail,
      firstSeenAt,
    }) => html`<tr><th scope="row">${kind}</th><td>${stage}</td><td class="where">${where}${detail === null ? '' : html`<small>${detail}</small>`}</td>
      <td class="id">${id ?? '–'}</td><td>${
        firstSeenAt === null
          ? 'newest report'
          : html`<time datetime="${firstSeenAt}">${firstSeenAt.slice(0, 19).replace('T', ' ')}</time>`
      }</td></tr>`,
  );
  const more =
    findings.notListed > 0
      ? html`<p class="note">And ${figure(findings.notListed)} more: <code>pmc audit run --json</code> lists all.</p>`
      : '';
  return html`<h2>Findings</h2><p class="note">${figure(findings.open)} open on the audit's books.</p>${scrolling(
    'Findings',
    html`<table><thead><tr><th scope="col">what</th><th scope="col">stage</th><th scope="col">where</th><th scope="col">id</th>
      <th scope="col">first seen (UTC)</th></tr></thead><tbody>${rows}</tbody></table>`,
  )}${more}`;
}

/** Wide tables scroll inside themselves; a region with a name and a tab stop lets the keyboard do it too. */
function scrolling(label: string, table: Markup): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

function range({ from, to }: PartitionAccounts): string {
  return `${figure(from)} – ${figure(to)}`;
}

function cell(value: number): Markup {
  return html`<td class="number ${value === 0 ? 'empty' : 'filled'}">${figure(value)}</td>`;
}

function alarm(value: number): Markup {
  return html`<td class="number ${value === 0 ? 'empty' : 'bad'}">${figure(value)}</td>`;
}

function lagCell(lag: number | null): Markup {
  return lag === null ? html`<td class="number">unknown</td>` : cell(lag);
}

function sum({ partitions }: Lag, field: 'logStart' | 'highWatermark'): number {
  return partitions.reduce((total, partition) => total + partition[field], 0);
}
