/** A list of integers of 32 bits: four bytes each, and no object. */
export class Ints {
  length = 0;
  #values = new Int32Array(256);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(n: number): number {
    return this.#values[n] ?? 0;
  }

  set(n: number, value: number): void {
    this.#values[n] = value;
  }
}

/**
 * Numbers keys of a few words of 32 bits in the order in which they come, from 0.
 *
 *     #words  n * width -> the words of key n
 *     #slots  hash -> n + 1; 0 is free. At most half of them are taken, and the next free one is taken when one is not.
 */
export class WordTable {
  size = 0;
  /** What `find` and `add` are about. */
  readonly key: Int32Array;
  readonly #words = new Ints();
  #slots = new Int32Array(1024);

  constructor(width: number) {
    this.key = new Int32Array(width);
  }

  /** -1 when it is not there. */
  find(): number {
    return (this.#slots[this.#slotOf(this.key)] ?? 0) - 1;
  }

  /** Its number; the one it has when it is there already. */
  add(): number {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(this.key);
    const known = (this.#slots[slot] ?? 0) - 1;
    if (known >= 0) return known;
    for (const word of this.key) this.#words.push(word);
    this.#slots[slot] = ++this.size;
    return this.size - 1;
  }

  word(n: number, i: number): number {
    return this.#words.at(n * this.key.length + i);
  }

  #slotOf(key: Int32Array): number {
    const last = this.#slots.length - 1;
    let slot = hashOf(key) & last;
    for (;;) {
      const n = (this.#slots[slot] ?? 0) - 1;
      if (n < 0 || this.#isKey(n, key)) return slot;
      slot = (slot + 1) & last;
    }
  }

  #isKey(n: number, key: Int32Array): boolean {
    for (let i = 0; i < key.length; i++) if (key[i] !== this.word(n, i)) return false;
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const key = new Int32Array(this.key.length);
    for (let n = 0; n < this.size; n++) {
      for (let i = 0; i < key.length; i++) key[i] = this.word(n, i);
      this.#slots[this.#slotOf(key)] = n + 1;
    }
  }
}

/** Ids are random mostly; what counts up is spread, too. */
function hashOf(key: Int32Array): number {
  let hash = 0x9e37_79b9;
  for (const word of key) {
    hash = Math.imul(hash ^ word, 0x85eb_ca6b);
    hash ^= hash >>> 13;
  }
  hash = Math.imul(hash, 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
