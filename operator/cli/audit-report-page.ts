// The audit's document as one HTML page without anything from elsewhere. Pure.
import { ACCOUNTS } from '../../consumers/gap-detector/accounts.ts';
import type { AuditDocument } from '../../consumers/gap-detector/report-schema.ts';
import { type Finding, placeOf } from '../../consumers/gap-detector/verdict.ts';
import { html, type Markup } from '../console/views/markup.ts';
import { gapTimeline } from './gap-timeline.ts';

const FINDINGS_SHOWN = 1_000;
const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:left;vertical-align:top}td.n,th.n{text-align:right}
.pass{color:#13692f}.fail{color:#a3161b}.inconclusive{color:#7a5200}.not-measurable{color:#555}code{background:#f2f2f2;padding:.1rem .3rem}
.scroll{overflow-x:auto}svg{width:100%;height:auto}`;

export function reportPage(document: AuditDocument): string {
  const { report, loss, versions, durability, command, generatedAt } = document;
  const { accounts, verdict, coverage, findings, findingsLeftOff } = report;
  const shown = findings.slice(0, FINDINGS_SHOWN);
  const count = findings.length + findingsLeftOff;
  const allOfThem = findingsLeftOff > 0 ? 'pmc audit run --json' : 'pmc audit report --csv';
  // The style is ours alone; nothing of a sender can come into it.
  const page = html`<h1>Audit <code>${report.runId}</code>: <span class="${verdict}">${verdict}</span></h1>
<p>Made ${report.startedAt} to ${report.finishedAt} on cluster <code>${report.clusterId}</code>; written ${generatedAt}.
Coverage ${share(coverage)} (at least ${share(report.coverageMin)} wanted); ${report.suspect} offsets wait for a second look.
Repeat it: <code>${command}</code></p>
<h2>Loss by stage</h2>
${table(
  ['Stage', 'Verdict', 'What was judged'],
  report.stages.map(({ stage, verdict: own, detail }) => [stage, html`<span class="${own}">${own}</span>`, detail]),
)}
${table(['Stage', 'Lost', 'Nobody can say', 'Of', '95 % interval', 'Method', 'Over episodes'], loss.map(lossRow))}
<h2>Balance</h2>
<p>settled ${accounts.settled} = ${ACCOUNTS.map((account) => `${account} ${accounts[account]}`).join(' + ')} + residual ${accounts.residual}; extra ${accounts.extra} stands outside.</p>
${table(
  ['Partition', 'From', 'To', 'End', 'settled', ...ACCOUNTS, 'residual', 'extra'],
  report.perPartition.map((one) => [
    `${one.topic}-${one.partition}`,
    one.from,
    one.to,
    one.end,
    one.settled,
    ...ACCOUNTS.map((account) => one[account]),
    one.residual,
    one.extra,
  ]),
)}
<h2>Gaps over time</h2>
${gapTimeline(report.findings, report.timeline)}
<h2>Findings (${count})</h2>
${table(
  ['Kind', 'Stage', 'Where', 'What', 'Coincident'],
  shown.map((one) => [one.kind, one.stage, whereOf(one), one.detail, (one.coincident ?? []).join('; ')]),
)}
${count > shown.length && html`<p>The first ${shown.length}; all of them: <code>${allOfThem}</code></p>`}
<h2>Healed since (${report.healed.length})</h2>
${table(
  ['Kind', 'Where', 'First verdict', 'First seen', 'Healed'],
  report.healed
    .slice(0, FINDINGS_SHOWN)
    .map(({ finding, firstRun, firstSeenAt, healedAt }) => [
      finding.kind,
      whereOf(finding),
      firstRun,
      firstSeenAt,
      healedAt,
    ]),
)}
<h2>Hints (${report.hints.length})</h2>
<p>Where a source does not count its events, nobody can say what it sent. It named these messages, and nobody has seen them; that is no finding.</p>
${table(
  ['Message', 'Source', 'Named by', 'How often', 'First'],
  report.hints
    .slice(0, FINDINGS_SHOWN)
    .map(({ id, source, kinds, references, firstAt }) => [id, source, kinds.join(', '), references, firstAt]),
)}
<h2>Versions and durability</h2>
${table(['What', 'Value'], Object.entries({ ...versions, ...durability }))}`;
  return `<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Audit ${report.runId.replaceAll(/\W/g, '')}</title><style>${STYLE}</style><body>\n${page.text}\n</body></html>\n`;
}

function lossRow({ stage, lost, indeterminate, total, interval, method, episodes }: AuditDocument['loss'][number]) {
  const range = interval === null ? 'unknown' : `${ratio(interval.lower)} to ${ratio(interval.upper)}`;
  const over =
    episodes.interval === null ? '' : ` (${ratio(episodes.interval.lower)} to ${ratio(episodes.interval.upper)})`;
  return [
    stage,
    lost,
    indeterminate,
    total,
    range,
    method,
    `${episodes.withLoss} of ${episodes.total} with loss${over}; ${episodes.method}`,
  ];
}

type Cell = string | number | Markup;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  const cell = (value: Cell) =>
    typeof value === 'number' ? html`<td class="n">${value}</td>` : html`<td>${value}</td>`;
  return html`<div class="scroll"><table><tr>${head.map((name) => html`<th>${name}</th>`)}</tr>
${rows.map(
  (row) => html`<tr>${row.map(cell)}</tr>
`,
)}</table></div>`;
}

function whereOf(finding: AuditDocument['report']['findings'][number]): Markup {
  const place = placeOf(finding as Finding);
  return finding.id === undefined ? html`${place}` : html`${place}<br>id ${finding.id}`;
}

function share(value: number): string {
  return `${(value * 100).toFixed(2)} %`;
}

function ratio(value: number): string {
  return value === 0 ? '0' : value.toExponential(2);
}
