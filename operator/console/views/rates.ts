// One small figure with a line for each rate that a running service reports.
import type { Snapshot } from '../snapshot.ts';
import { figure, rateFigure } from '../wording.ts';
import { html, type Markup } from './markup.ts';
import { sparkline } from './sparkline.ts';

export function ratesSection({ rates }: Snapshot): Markup {
  if (rates.length === 0) return html``;
  const cards = rates.map(
    ({ key, label, perSecond, total, samples }) => html`<li data-rate="${key}"><span class="label">${label}</span>
      <strong>${perSecond === null ? '–' : rateFigure(perSecond)}<small> per second</small></strong>${sparkline(samples)}
      <span class="total">${total === null ? 'not reported' : `${figure(total)} since its start`}</span></li>`,
  );
  return html`<h2>Rates</h2><p class="note">Last two minutes, one sample a second; a gap is a time that nobody measured.</p>
    <ul class="rates">${cards}</ul>`;
}
