import { describe, expect, it } from 'vitest';
import { sparkline } from './sparkline.ts';

const line = (samples: readonly (number | null)[]): string =>
  /class="line" d="([^"]*)"/.exec(sparkline(samples).text)?.[1] ?? '';

describe('sparkline', () => {
  it('ends at the right with the newest sample and has the highest at the top', () => {
    expect(line([0, 5, 10])).toBe('M118 27L119 14L120 1');
  });

  it('breaks the line where nothing is known', () => {
    expect(line([10, null, 10])).toBe('M118 1M120 1');
  });

  it('draws nothing from nothing', () => {
    expect(line([null, null])).toBe('');
  });
});
