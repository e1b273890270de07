import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByPartition } from './by-partition.ts';

test('each partition of each topic has its own, the last one given', () => {
  const given = fc.record({ topic: fc.constantFrom('a', 'a-1', 'a-1-2', '__proto__'), partition: fc.nat(12) });
  fc.assert(
    fc.property(fc.array(given), (all) => {
      const held = new ByPartition<number>();
      const model = new Map<string, number>();
      for (const [index, to] of all.entries()) {
        held.set(to, index);
        model.set(JSON.stringify([to.topic, to.partition]), index);
      }
      for (const [name, value] of model) {
        const [topic, partition] = JSON.parse(name) as [string, number];
        expect(held.get({ topic, partition })).toBe(value);
      }
      expect(new Set(held.values())).toEqual(new Set(model.values()));
      expect(held.values()).toHaveLength(model.size);
      expect(held.get({ topic: 'a', partition: 13 })).toBeUndefined();
    }),
  );
});
