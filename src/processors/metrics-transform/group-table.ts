/**
 * Numbers sets, each known by a hash of 96 bits, in the order they are first seen. Used again and again.
 *
 * Invariants: open addressing with linear probing; `slots` has a power of two of places, at most half of them filled, each
 * with the number of a set plus 1. Of set `i`, `sets` has the three words of its hash and its place from 4 i on.
 */
export class GroupTable {
  count = 0;
  #slots = new Int32Array(64);
  #sets = new Int32Array(128);

  clear(): void {
    for (let group = 0; group < this.count; group++) this.#slots[this.#sets[4 * group + 3] ?? 0] = 0;
    this.count = 0;
  }

  /** The number of the set; `count` grows when it is new. */
  find(low: number, mid: number, high: number): number {
    if (2 * (this.count + 1) > this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const group = (this.#slots[at] ?? 0) - 1;
      if (group < 0) return this.#add(at, low, mid, high);
      if (this.#isAt(4 * group, low, mid, high)) return group;
    }
  }

  #isAt(at: number, low: number, mid: number, high: number): boolean {
    return this.#sets[at] === low && this.#sets[at + 1] === mid && this.#sets[at + 2] === high;
  }

  #add(place: number, low: number, mid: number, high: number): number {
    const group = this.count;
    const at = 4 * group;
    this.#slots[place] = group + 1;
    if (at + 4 > this.#sets.length) {
      const sets = new Int32Array(2 * this.#sets.length);
      sets.set(this.#sets);
      this.#sets = sets;
    }
    this.#sets[at] = low;
    this.#sets[at + 1] = mid;
    this.#sets[at + 2] = high;
    this.#sets[at + 3] = place;
    this.count += 1;
    return group;
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 1;
    for (let group = 0; group < this.count; group++) {
      let place = (this.#sets[4 * group] ?? 0) & mask;
      while (this.#slots[place] !== 0) place = (place + 1) & mask;
      this.#slots[place] = group + 1;
      this.#sets[4 * group + 3] = place;
    }
  }

  /** Tables that grew large are not kept. */
  release(): void {
    this.clear();
    if (this.#slots.length <= KEPT_SLOTS) return;
    this.#slots = new Int32Array(64);
    this.#sets = new Int32Array(128);
  }
}

const KEPT_SLOTS = 16384;
