// Findings that the reading itself makes, one for each offset: bounded, and what did not fit is counted and said. Pure.
import type { Finding } from './verdict.ts';

/** Findings of one kind and stage that are listed one by one. */
const LISTED_MAX = 10_000;

export class Notes {
  readonly #listed = new Map<string, Finding[]>();
  readonly #unlisted = new Map<string, number>();

  add(finding: Finding): void {
    const name = `${finding.kind} ${finding.stage}`;
    const listed = this.#listed.get(name);
    if (listed === undefined) this.#listed.set(name, [finding]);
    else if (listed.length < LISTED_MAX) listed.push(finding);
    else this.#unlisted.set(name, (this.#unlisted.get(name) ?? 0) + 1);
  }

  get findings(): readonly Finding[] {
    return [...this.#listed].flatMap(([name, listed]) => {
      const more = this.#unlisted.get(name);
      const [first] = listed;
      if (more === undefined || first === undefined) return listed;
      const { kind, stage } = first;
      return [...listed, { kind, stage, from: 1, to: more, detail: `${more} more of this kind are not listed` }];
    });
  }
}
