// The verdict in words, and what needs attention. Only the words are announced: they change when the verdict does.
import type { Level } from '../headline.ts';
import type { Snapshot } from '../snapshot.ts';
import { figure } from '../wording.ts';
import { toneOf } from './mark.ts';
import { html, type Markup } from './markup.ts';

const LEVEL_WORD: Record<Level, string> = {
  pass: 'pass',
  inconclusive: 'inconclusive',
  fail: 'fail',
  unknown: 'unknown',
};

export function headlineSection({ headline, storedRows, audit }: Snapshot): Markup {
  const judged = audit.live === null ? '' : ` Judged ${seconds(audit.live.ageMs)} ago.`;
  return html`<div class="headline ${toneOf(headline.level)}" data-level="${headline.level}">
    <div class="verdict">
      <h1 id="verdict" role="status" aria-live="polite" aria-atomic="true">${headline.words}</h1>
      <p class="level">Verdict: <strong>${LEVEL_WORD[headline.level]}</strong></p>
      <p class="detail">${headline.detail}${judged}</p>
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

function seconds(ageMs: number): string {
  return `${Math.max(0, Math.round(ageMs / 1_000))} s`;
}
