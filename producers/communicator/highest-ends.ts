// Where several processes had appended, one after the other, as one: the highest end of each partition. Pure.
import type { EndOffset } from '../../schemas/generated.ts';

export function highestEnds(...lists: readonly (readonly EndOffset[])[]): readonly EndOffset[] {
  const highest = new Map<string, EndOffset>();
  for (const end of lists.flat()) {
    const name = JSON.stringify([end.topic, end.partition]);
    if (end.offset > (highest.get(name)?.offset ?? 0)) highest.set(name, end);
  }
  return [...highest.values()];
}
