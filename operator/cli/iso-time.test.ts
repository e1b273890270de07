import { expect, test } from 'vitest';
import { isoTime } from './iso-time.ts';

test.each([
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
  ['2025-06-30T12:00:00.5+02:00', '2025-06-30T10:00:00.500Z'],
])('%s is %s', (text, time) => expect(isoTime(text)).toBe(time));

test.each([
  ...['2026-02-30', '2025-11-31', '2025-06-31T12:00:00+02:00', '2025-02-29T00:00:00Z', '2026-13-01'],
  ...['2026-01-31T12:00:00', '+002026-01-31', '2026', 'yesterday', ''],
])('%j is none', (text) => expect(isoTime(text)).toBeUndefined());
