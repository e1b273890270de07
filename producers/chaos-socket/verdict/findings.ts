// The deviations that a comparison has found: all of them counted, the first ones of each sort kept, so that a comparison with the
// wrong file does not fill the memory. Pure.

export const DEVIATIONS = ['lost', 'duplicated', 'reordered', 'altered', 'conflict', 'alien', 'repeated'] as const;
export type DeviationKind = (typeof DEVIATIONS)[number];

export interface Deviation {
  readonly kind: DeviationKind;
  readonly source: string;
  readonly id: string | undefined;
  readonly sha256: string;
  readonly detail: string;
  /** Why it had to be so; undefined when nothing explains it. */
  readonly explanation: string | undefined;
}

export interface Tally {
  readonly total: number;
  readonly explained: number;
}

/** Of each kind, explained or not. */
const KEPT_MAX = 5_000;

export class Findings {
  readonly #counts = Object.fromEntries(DEVIATIONS.map((kind) => [kind, { total: 0, explained: 0 }])) as Record<
    DeviationKind,
    { total: number; explained: number }
  >;
  readonly #kept: Deviation[] = [];

  /** The details are only asked for where they are kept. */
  add(
    kind: DeviationKind,
    explanation: string | undefined,
    about: () => Omit<Deviation, 'kind' | 'explanation'>,
  ): void {
    const count = this.#counts[kind];
    count.total += 1;
    if (explanation !== undefined) count.explained += 1;
    const alike = explanation === undefined ? count.total - count.explained : count.explained;
    if (alike <= KEPT_MAX) this.#kept.push({ kind, ...about(), explanation });
  }

  get kept(): readonly Deviation[] {
    return this.#kept;
  }

  get tallies(): Readonly<Record<DeviationKind, Tally>> {
    return this.#counts;
  }

  get unexplained(): number {
    return Object.values(this.#counts).reduce((sum, { total, explained }) => sum + total - explained, 0);
  }

  /** How many were counted and not kept. */
  get leftOut(): number {
    return Object.values(this.#counts).reduce((sum, { total }) => sum + total, 0) - this.#kept.length;
  }
}
