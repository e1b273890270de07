import { describe, expect, test } from 'vitest';
import { ACCOUNTS } from './accounts.ts';
import { rowOf, World } from './classify-world.testing.ts';

describe('several claims for one offset', () => {
  test('count in the order stored, duplicate, quarantined, purged', () => {
    const world = new World(1);
    world.duplicates.set(0n, rowOf(0));
    world.quarantined.set(0n, { refusedAgain: true });
    world.purged.push({ lower: 0n, upper: 1n });
    const account = () => ACCOUNTS.find((one) => world.classify(0, 1).counts[one] === 1);
    expect(account()).toBe('stored');
    world.rows.delete(0n);
    expect(account()).toBe('duplicateOf');
    world.duplicates.clear();
    expect(account()).toBe('quarantined');
    world.quarantined.clear();
    expect(account()).toBe('purged');
  });

  test('fall through to the next one that has its proof', () => {
    const world = new World(1);
    world.rows.clear();
    world.duplicates.set(0n, undefined);
    world.quarantined.set(0n, { refusedAgain: true });
    expect(world.classify(0, 1).counts.quarantined).toBe(1);
  });

  test('never make an altered row good', () => {
    const world = new World(1);
    world.rows.set(0n, { ...rowOf(0), payloadHash: 'other' });
    world.duplicates.set(0n, rowOf(0));
    expect(world.classify(0, 1).counts.altered).toBe(1);
  });

  test('take a purged range as lower inclusive, upper exclusive', () => {
    const world = new World(4);
    world.rows.clear();
    world.purged.push({ lower: 1n, upper: 3n });
    const { counts, suspects } = world.classify(0, 4);
    expect([counts.purged, suspects.map(({ offset }) => offset)]).toEqual([2, [0n, 3n]]);
  });
});
