import { randomWord, type Random } from '../../core/random.ts';

/**
 * A hash of bytes that pages cannot aim at: both sides of every multiplication hold a secret of this process, so whoever
 * writes a page does not know which names would fall together.
 */
export class ByteHash {
  readonly #left: number;
  readonly #right: number;

  constructor(random: Random) {
    this.#left = randomWord(random);
    this.#right = randomWord(random);
  }

  /** 32 bits, signed, of the bytes `[start, end)` and `salt`. */
  of(words: DataView, start: number, end: number, salt = 0): number {
    let left = this.#left ^ salt;
    let right = this.#right ^ (end - start);
    let at = start;
    for (; at + 8 <= end; at += 8) {
      const a = left ^ words.getInt32(at, true);
      const b = right ^ words.getInt32(at + 4, true);
      // The lower half of the product, and of the upper one what no carry reaches.
      left = Math.imul(a, b);
      right = Math.imul(a >>> 16, b >>> 16) ^ this.#right;
    }
    for (; at < end; at++) left = Math.imul(left ^ words.getUint8(at), right | 1) ^ (left >>> 15);
    left = Math.imul(left ^ (left >>> 16), this.#left | 1) ^ right;
    // The low bits choose the place; fold the high ones in.
    return left ^ (left >>> 15);
  }
}
