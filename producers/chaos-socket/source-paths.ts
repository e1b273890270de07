// Which sources there are, and which of the seed's plans each of their connections follows. Pure. Where their number is known,
// the k-th source follows the k-th plan, whoever dials first; its next connection takes up where nobody else does.

/** `/source-1` and so on; none where every path is a source. */
export function sourcePaths(count: number | undefined): readonly string[] {
  return Array.from({ length: count ?? 0 }, (_, index) => `/source-${index + 1}`);
}

export class PlanNumbers {
  readonly #paths: readonly string[];
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(count: number | undefined) {
    this.#paths = sourcePaths(count);
  }

  /** From 0. */
  next(path: string): number {
    const index = this.#paths.indexOf(path);
    if (index === -1) return this.#all++;
    const taken = this.#taken.get(path) ?? 0;
    this.#taken.set(path, taken + 1);
    return index + this.#paths.length * taken;
  }
}

/** Feeds in the order in which a shared plan is dealt out to them: that of their sources, whoever dialled first. */
export function inDealingOrder<F extends { readonly stream: number }>(
  feeds: Iterable<F>,
  count: number | undefined,
): readonly F[] {
  const place = ({ stream }: F): number => (count === undefined ? stream : stream % count);
  return [...feeds].sort((a, b) => place(a) - place(b) || a.stream - b.stream);
}
