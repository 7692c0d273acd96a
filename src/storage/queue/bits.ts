/** A set of small whole numbers, one bit each; grows as it must. */
export class Bits {
  #words = new Uint32Array(0);
  count = 0;

  has(at: number): boolean {
    return (((this.#words[at >>> 5] ?? 0) >>> (at & 31)) & 1) === 1;
  }

  /** False when it was there already. */
  add(at: number): boolean {
    if (this.has(at)) return false;
    const word = at >>> 5;
    if (word >= this.#words.length) this.#grow(word + 1);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (at & 31));
    this.count += 1;
    return true;
  }

  delete(at: number): void {
    if (!this.has(at)) return;
    this.#words[at >>> 5] = (this.#words[at >>> 5] ?? 0) & ~(1 << (at & 31));
    this.count -= 1;
  }

  #grow(words: number): void {
    const grown = new Uint32Array(Math.max(words, this.#words.length * 2, 8));
    grown.set(this.#words);
    this.#words = grown;
  }
}
