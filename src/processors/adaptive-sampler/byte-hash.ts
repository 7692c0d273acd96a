import { randomWord, type Random } from '../../core/random.ts';

/**
 * A hash of 64 bits in two halves, over bytes in place: four at a time, because a key is hashed for each item. Equal ranges
 * give equal hashes by one object. Nobody else can tell which ranges meet: the factors are drawn, and each half takes every
 * word, turned by another angle, so that a change that one half cannot see (of the upper bits, which no product moves) is
 * one that the other sees.
 */
export class ByteHash {
  a = 0;
  b = 0;
  readonly #seedA: number;
  readonly #seedB: number;
  readonly #factorA: number;
  readonly #factorB: number;

  constructor(random: Random) {
    this.#seedA = randomWord(random);
    this.#seedB = randomWord(random);
    this.#factorA = oddFactor(random);
    this.#factorB = oddFactor(random);
    this.reset();
  }

  reset(): this {
    this.a = this.#seedA;
    this.b = this.#seedB;
    return this;
  }

  /** Goes on with the bytes [start, end) of a message, and with their length, so that `ab`, `c` is not `a`, `bc`. */
  addView(view: DataView, start: number, end: number): this {
    const factorA = this.#factorA;
    const factorB = this.#factorB;
    let { a, b } = this;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const four = view.getInt32(at, true);
      a = Math.imul(a ^ four, factorA);
      b = Math.imul(b ^ ((four << 13) | (four >>> 19)), factorB);
    }
    let rest = end - start;
    for (; at < end; at++) rest = (rest << 8) ^ view.getUint8(at);
    this.a = a;
    this.b = b;
    return this.word(rest);
  }

  /** Goes on with a few bytes: a word of a text. */
  add(bytes: Uint8Array, start: number, end: number): this {
    const factorA = this.#factorA;
    const factorB = this.#factorB;
    let { a, b } = this;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      a = Math.imul(a ^ byte, factorA);
      b = Math.imul(b ^ (byte << 13), factorB);
    }
    this.a = a;
    this.b = b;
    return this.word(end - start);
  }

  /** Goes on with a number of 32 bits. */
  word(word: number): this {
    const a = Math.imul(this.a ^ word, this.#factorA);
    const b = Math.imul(this.b ^ ((word << 13) | (word >>> 19)), this.#factorB);
    this.a = a ^ (a >>> 15);
    this.b = b ^ (b >>> 13) ^ this.a;
    return this;
  }
}

/** To multiply with: drawn, but for some bits that make it mix well. */
export function oddFactor(random: Random): number {
  return (randomWord(random) & ~0x11000000) | 0x10000001;
}
