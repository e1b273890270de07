// A line of the last samples, oldest left. Unknown samples leave a gap in the line instead of a zero.
import { html, type Markup } from './markup.ts';

const WIDTH = 120;
const HEIGHT = 28;
const SAMPLES = 120;

export function sparkline(samples: readonly (number | null)[]): Markup {
  const highest = Math.max(1, ...samples.filter((sample) => sample !== null));
  const left = SAMPLES - samples.length;
  let pen: 'M' | 'L' = 'M';
  const steps = samples.map((sample, index) => {
    if (sample === null) {
      pen = 'M';
      return '';
    }
    const step = `${pen}${place((left + index) * (WIDTH / (SAMPLES - 1)))} ${place(HEIGHT - 1 - (sample / highest) * (HEIGHT - 2))}`;
    pen = 'L';
    return step;
  });
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path
    class="base" d="M0 ${HEIGHT - 1}H${WIDTH}"/><path class="line" d="${steps.join('')}"/></svg>`;
}

function place(value: number): string {
  return String(Math.round(value * 10) / 10);
}
