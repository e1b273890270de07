// Finds the bad items of a batch by halves. It decides nothing about transactions: `attempt` writes a part and must leave
// nothing behind when it throws (a savepoint).

export interface Isolation<T> {
  /** Writes all of the part, or throws and has written none of it. */
  attempt(part: readonly T[]): Promise<void>;
  /** Whether an error can be one item's fault; any other error ends the whole. */
  isDataError(error: unknown): boolean;
  /** Called with each item that is alone to blame; may throw to end the whole. */
  refuse(item: T, error: unknown): void;
}

/** Writes all items but those that fail alone, twice. Order is kept; about 2·log2(n) attempts for one bad item in n. */
export async function isolate<T>(items: readonly T[], isolation: Isolation<T>): Promise<void> {
  const error = await dataErrorOf(items, isolation);
  if (error === undefined) return;
  const [first] = items;
  if (first === undefined) return;
  if (items.length === 1) {
    const again = await dataErrorOf(items, isolation);
    if (again !== undefined) isolation.refuse(first, again.error);
    return;
  }
  const half = items.length >> 1;
  await isolate(items.slice(0, half), isolation);
  await isolate(items.slice(half), isolation);
}

async function dataErrorOf<T>(part: readonly T[], isolation: Isolation<T>): Promise<{ error: unknown } | undefined> {
  try {
    await isolation.attempt(part);
    return undefined;
  } catch (error) {
    if (!isolation.isDataError(error)) throw error;
    return { error };
  }
}
