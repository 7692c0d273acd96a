/** How often each number was seen, up to 255 times; for far more numbers than a Map can hold. */
export class LineCounts {
  #counts = new Uint8Array(2 ** 20);
  #size = 0;

  /** Different numbers. */
  get size(): number {
    return this.#size;
  }

  add(number: number): void {
    if (number >= this.#counts.length) {
      const grown = new Uint8Array(Math.max(2 * this.#counts.length, number + 1));
      grown.set(this.#counts);
      this.#counts = grown;
    }
    const before = this.#counts[number] ?? 0;
    if (before === 0) this.#size += 1;
    if (before < 255) this.#counts[number] = before + 1;
  }

  get(number: number): number {
    return this.#counts[number] ?? 0;
  }

  has(number: number): boolean {
    return this.get(number) > 0;
  }

  *[Symbol.iterator](): Generator<[number: number, count: number]> {
    for (let number = 0; number < this.#counts.length; number++) {
      const count = this.#counts[number] ?? 0;
      if (count > 0) yield [number, count];
    }
  }
}
