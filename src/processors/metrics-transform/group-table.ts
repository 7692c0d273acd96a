/**
 * Numbers sets, each known by a hash of 96 bits, in the order they are first seen. Used again and again.
 *
 * Invariant: open addressing with linear probing; `slots` has a power of two of places, at most half of them filled, each
 * with the number of a set plus 1.
 */
export class GroupTable {
  count = 0;
  #slots = new Int32Array(64);
  #hashes = new Int32Array(96);

  clear(): void {
    this.#slots.fill(0);
    this.count = 0;
  }

  /** The number of the set; `count` grows when it is new. */
  find(low: number, mid: number, high: number): number {
    if (2 * (this.count + 1) > this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    let at = low & mask;
    for (;;) {
      const group = (this.#slots[at] ?? 0) - 1;
      if (group < 0) return this.#add(at, low, mid, high);
      if (this.#isAt(3 * group, low, mid, high)) return group;
      at = (at + 1) & mask;
    }
  }

  #isAt(at: number, low: number, mid: number, high: number): boolean {
    return this.#hashes[at] === low && this.#hashes[at + 1] === mid && this.#hashes[at + 2] === high;
  }

  #add(slot: number, low: number, mid: number, high: number): number {
    const group = this.count;
    this.#slots[slot] = group + 1;
    if (3 * group + 3 > this.#hashes.length) {
      const hashes = new Int32Array(2 * this.#hashes.length);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    this.#hashes.set([low, mid, high], 3 * group);
    this.count += 1;
    return group;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let group = 0; group < this.count; group++) {
      let at = (this.#hashes[3 * group] ?? 0) & mask;
      while (slots[at] !== 0) at = (at + 1) & mask;
      slots[at] = group + 1;
    }
    this.#slots = slots;
  }

  /** Tables that grew large are not kept. */
  release(): void {
    if (this.#slots.length > KEPT_SLOTS) {
      this.#slots = new Int32Array(64);
      this.#hashes = new Int32Array(96);
    }
    this.clear();
  }
}

const KEPT_SLOTS = 16384;
