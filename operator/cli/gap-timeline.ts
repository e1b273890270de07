// Findings and what happened beside them on one line of time, as SVG. Pure.
import type { AuditDocument } from '../../consumers/gap-detector/report-schema.ts';
import { html, type Markup } from '../console/views/markup.ts';

type Report = AuditDocument['report'];

const WIDTH = 1_000;
const MARGIN = 10;

export function gapTimeline(findings: Report['findings'], events: Report['timeline']): Markup {
  const timed = findings.flatMap((one) => (one.receivedAt === undefined ? [] : [{ ...one, atMs: one.receivedAt }]));
  const times = [...timed, ...events].map(({ atMs }) => atMs);
  if (times.length === 0) return html`<p>No finding and no event has a time.</p>`;
  const from = times.reduce((a, b) => Math.min(a, b));
  const to = times.reduce((a, b) => Math.max(a, b));
  const x = (atMs: number): string =>
    (MARGIN + ((atMs - from) / Math.max(1, to - from)) * (WIDTH - 2 * MARGIN)).toFixed(1);
  return html`<svg viewBox="0 0 ${WIDTH} 90" role="img" aria-label="findings above, events below, over time">
<line x1="0" y1="45" x2="${WIDTH}" y2="45" stroke="#999"/>
${timed.map(({ atMs, kind, detail }) => html`<circle cx="${x(atMs)}" cy="30" r="4" fill="#a3161b" fill-opacity="0.6"><title>${kind}: ${detail}</title></circle>`)}
${events.map(({ atMs, kind, subject, detail }) => html`<rect x="${x(atMs)}" y="50" width="2" height="14" fill="#24518f"><title>${new Date(atMs).toISOString()} ${kind} ${subject}: ${detail}</title></rect>`)}
<text x="${MARGIN}" y="84" font-size="12">${new Date(from).toISOString()}</text>
<text x="${WIDTH - MARGIN}" y="84" font-size="12" text-anchor="end">${new Date(to).toISOString()}</text>
</svg>
<p>${timed.length} findings with a time above the line, ${events.length} events below it; both say more when pointed at.</p>`;
}
