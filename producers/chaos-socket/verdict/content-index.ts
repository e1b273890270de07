// Finding things by their content, four to eight bytes a thing. Pure.

/** Finds things by their content: a thing is known by its number, and its content lies elsewhere. Of equal ones the first stays. */
export class ContentIndex {
  readonly #hashOf: (thing: number) => number;
  /** Number + 1; 0 is free. */
  #slots = new Uint32Array(1_024);
  #count = 0;

  constructor(hashOf: (thing: number) => number) {
    this.#hashOf = hashOf;
  }

  find(hash: number, isIt: (thing: number) => boolean): number | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const held = this.#slots[slot] ?? 0;
      if (held === 0) return undefined;
      if (isIt(held - 1)) return held - 1;
    }
  }

  /** It must not be there yet. */
  add(thing: number): void {
    // Three quarters full at the most: searches stay short.
    if (++this.#count * 4 > this.#slots.length * 3) this.#grow();
    this.#put(thing);
  }

  #put(thing: number): void {
    const mask = this.#slots.length - 1;
    let slot = spread(this.#hashOf(thing)) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = thing + 1;
  }

  #grow(): void {
    const held = this.#slots;
    this.#slots = new Uint32Array(held.length * 2);
    for (const one of held) if (one !== 0) this.#put(one - 1);
  }
}

function spread(hash: number): number {
  return (Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 7) ^ hash;
}

/** A hash of a text for a `ContentIndex`. */
export function hashOfText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
