// The one search by halves. Pure.

/** Of items of which the condition holds from some place on: that place, their number where it holds of none. */
export function firstWhere<T>(items: ArrayLike<T>, holds: (item: T) => boolean): number {
  let [lower, upper] = [0, items.length];
  while (lower < upper) {
    const middle = (lower + upper) >>> 1;
    if (holds(items[middle] as T)) upper = middle;
    else lower = middle + 1;
  }
  return lower;
}
