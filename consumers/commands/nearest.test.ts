import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './nearest.ts';

const NAMES = ['help', 'status', 'info', 'ping'];

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['help', 'help', 0],
    ['', 'help', 4],
    ['hlp', 'help', 1],
    ['hepl', 'help', 1],
    ['helpp', 'help', 1],
    ['kitten', 'sitting', 3],
  ])('%s to %s is %i', (from, to, edits) => {
    expect(editDistance(from, to)).toBe(edits);
    expect(editDistance(to, from)).toBe(edits);
  });
});

describe('nearestName', () => {
  it.each([
    ['hlep', 'help'],
    ['stats', 'status'],
    ['statsu', 'status'],
    ['pong', 'ping'],
    ['information', undefined],
    ['weather', undefined],
    ['', undefined],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearestName(typed, NAMES)).toBe(meant);
  });
});
