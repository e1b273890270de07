// A verdict as a shape and a word: circle, diamond, square, ring. The colour only repeats what both say.
import { html, type Markup } from './markup.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'none';

const TONES: Readonly<Record<string, Tone>> = {
  pass: 'good',
  up: 'good',
  inconclusive: 'warn',
  degraded: 'warn',
  fail: 'bad',
  down: 'bad',
};

export function toneOf(word: string): Tone {
  return TONES[word] ?? 'none';
}

export function mark(word: string, shown: string = word): Markup {
  return html`<span class="mark ${toneOf(word)}">${shown}</span>`;
}
