// The verdict in words, and what needs attention. Only the words are announced: they change when the verdict does.
import type { Snapshot } from '../snapshot.ts';
import { ago, figure } from '../wording.ts';
import { toneOf } from './mark.ts';
import { html, type Markup } from './markup.ts';

export function headlineSection({ headline: { level, words, detail }, storedRows, audit: { live } }: Snapshot): Markup {
  const isJudged = live !== null && (level === 'pass' || level === 'inconclusive');
  return html`<div class="headline ${toneOf(level)}" data-level="${level}">
    <div class="verdict">
      <div role="status" aria-live="polite" aria-atomic="true"><h1 id="verdict">${words}</h1></div>
      <p>${detail}${isJudged ? ` Judged ${ago(live.ageMs)}.` : ''}</p>
    </div>
    <p class="stored"><data id="stored-rows" value="${storedRows ?? ''}">${storedRows === null ? 'not known' : figure(storedRows)}</data>
      <span>messages and events stored as rows</span></p>
  </div>`;
}

export function noticesSection({ notices }: Snapshot): Markup {
  if (notices.length === 0) return html``;
  const items = notices.map(({ level, text }) => {
    const word = level === 'alert' ? 'Alert' : 'Warning';
    return html`<li class="${level}"><strong>${word}</strong> ${text}</li>`;
  });
  return html`<h2 class="quiet">Needs attention</h2><ul class="notices">${items}</ul>`;
}
