/**
 * A hash of 64 bits in two halves, over bytes in place: eight at a time, because a key is hashed for each item. Not for
 * secrets. Equal ranges give equal hashes in one process.
 */
export class ByteHash {
  a = 0;
  b = 0;

  reset(): this {
    this.a = 0x2545f491;
    this.b = 0x1b873593;
    return this;
  }

  /** Goes on with the bytes [start, end) of a message, and with their length, so that `ab`, `c` is not `a`, `bc`. */
  addView(view: DataView, start: number, end: number): this {
    let { a, b } = this;
    let at = start;
    // Each half takes every other word, and `word` below mixes them.
    for (; at + 8 <= end; at += 8) {
      a = Math.imul(a ^ view.getInt32(at, true), 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b ^ view.getInt32(at + 4, true), 0x85ebca6b);
      b ^= b >>> 13;
    }
    if (at + 4 <= end) {
      a = Math.imul(a ^ view.getInt32(at, true), 0x9e3779b1);
      a ^= a >>> 15;
      at += 4;
    }
    let rest = end - start;
    for (; at < end; at++) rest = (rest << 8) ^ view.getUint8(at);
    this.a = a;
    this.b = b;
    return this.word(rest);
  }

  /** Goes on with a few bytes: a word of a text. */
  add(bytes: Uint8Array, start: number, end: number): this {
    let { a, b } = this;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      a = Math.imul(a ^ byte, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b ^ byte, 0x85ebca6b);
      b ^= b >>> 13;
    }
    this.a = a;
    this.b = b;
    return this.word(end - start);
  }

  /** Goes on with a number of 32 bits. */
  word(word: number): this {
    const a = Math.imul(this.a ^ word, 0x9e3779b1);
    const b = Math.imul(this.b ^ (word << 13) ^ (word >>> 19), 0x85ebca6b);
    this.a = a ^ (a >>> 15);
    this.b = b ^ (b >>> 13) ^ this.a;
    return this;
  }
}
