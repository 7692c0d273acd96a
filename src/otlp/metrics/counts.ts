import { malformed } from '../wire.ts';
import { copyBytes, type Writer } from '../writer.ts';
import type { Integer64 } from './integer64.ts';

const FIRST_WORDS = 32;
/** What was needed for one point that is not usual is not kept for ever. */
const MAX_KEPT_WORDS = 16 * 1024;

/**
 * A list of unsigned integers of 64 bits, used again and again: counts of buckets.
 * Invariant: count `i` is words[2 i] + words[2 i + 1] * 2^32; places behind `length` hold anything.
 */
export class Counts {
  words = new Uint32Array(FIRST_WORDS);
  /** The same memory: halves stand in it as they do on the wire, on every machine that Node runs on. */
  #bytes = Buffer.from(this.words.buffer);
  length = 0;

  clear(): void {
    this.length = 0;
    if (this.words.length > MAX_KEPT_WORDS) this.#set(new Uint32Array(FIRST_WORDS));
  }

  /** `length` zeros. */
  zeros(length: number): void {
    this.clear();
    this.#ensure(length);
    this.words.fill(0, 0, 2 * length);
    this.length = length;
  }

  copy(from: Counts): void {
    this.clear();
    this.#ensure(from.length);
    const { words } = from;
    const end = 2 * from.length;
    for (let at = 0; at < end; at++) this.words[at] = words[at] ?? 0;
    this.length = from.length;
  }

  push(low: number, high: number): void {
    this.#ensure(this.length + 1);
    this.words[2 * this.length] = low;
    this.words[2 * this.length + 1] = high;
    this.length += 1;
  }

  /** Appends the elements of a packed `repeated fixed64`. */
  pushFixed(bytes: Uint8Array, start: number, end: number): void {
    const length = (end - start) >>> 3;
    if (end - start !== 8 * length) throw malformed('packed counts are cut off', start);
    this.#ensure(this.length + length);
    copyBytes(bytes, start, end, this.#bytes, 8 * this.length);
    this.length += length;
  }

  /** Appends the elements of a packed `repeated uint64`. */
  pushVarints(bytes: Uint8Array, start: number, end: number): void {
    // Each is a byte at least.
    this.#ensure(this.length + end - start);
    const { words } = this;
    let to = 2 * this.length;
    for (let at = start; at < end;) {
      const first = bytes[at] ?? 0;
      const second = bytes[at + 1] ?? 0;
      if (first >= 0x80 && (second >= 0x80 || at + 1 >= end)) at = this.#readLong(bytes, at, end, to);
      else {
        words[to] = first < 0x80 ? first : (first & 0x7f) | (second << 7);
        words[to + 1] = 0;
        at += first < 0x80 ? 1 : 2;
      }
      to += 2;
    }
    this.length = to / 2;
  }

  /** Reads the varint at `start` into two words; returns where it ends. */
  #readLong(bytes: Uint8Array, start: number, end: number, to: number): number {
    let low = 0;
    let high = 0;
    for (let at = start, shift = 0; at < end && shift < 70; at++, shift += 7) {
      const byte = bytes[at] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      if (shift > 28 && shift < 64) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.words[to] = low;
        this.words[to + 1] = high;
        return at + 1;
      }
    }
    throw malformed('truncated or over-long varint', start);
  }

  isZero(index: number): boolean {
    return this.words[2 * index] === 0 && this.words[2 * index + 1] === 0;
  }

  /** Exact up to 2^53. */
  toNumber(index: number): number {
    return (this.words[2 * index] ?? 0) + (this.words[2 * index + 1] ?? 0) * TWO_32;
  }

  /** Adds count `from` of `other` to count `index`, modulo 2^64. */
  add(index: number, other: Counts, from: number): void {
    const { words } = this;
    const low = (words[2 * index] ?? 0) + (other.words[2 * from] ?? 0);
    words[2 * index] = low;
    words[2 * index + 1] = (words[2 * index + 1] ?? 0) + (other.words[2 * from + 1] ?? 0) + (low >= TWO_32 ? 1 : 0);
  }

  /** Whether count `index` is less than count `from` of `other`. */
  isBelow(index: number, other: Counts, from: number): boolean {
    const high = this.words[2 * index + 1] ?? 0;
    const otherHigh = other.words[2 * from + 1] ?? 0;
    if (high !== otherHigh) return high < otherHigh;
    return (this.words[2 * index] ?? 0) < (other.words[2 * from] ?? 0);
  }

  /** Subtracts count `from` of `other` from count `index`; false, and garbage, when it would be below zero. */
  subtract(index: number, other: Counts, from: number): boolean {
    const { words } = this;
    const low = (words[2 * index] ?? 0) - (other.words[2 * from] ?? 0);
    const high = (words[2 * index + 1] ?? 0) - (other.words[2 * from + 1] ?? 0) - (low < 0 ? 1 : 0);
    words[2 * index] = low;
    words[2 * index + 1] = high;
    return high >= 0;
  }

  /** Adds count `index` to `sum`, modulo 2^64. */
  addTo(sum: Integer64, index: number): void {
    const low = sum.low + (this.words[2 * index] ?? 0);
    sum.set(low, sum.high + (this.words[2 * index + 1] ?? 0) + (low >= TWO_32 ? 1 : 0));
  }

  /** Removes the first `front` counts and leaves `length` of the rest. */
  cut(front: number, length: number): void {
    if (front > 0) this.words.copyWithin(0, 2 * front, 2 * (front + length));
    this.length = length;
  }

  /** Packed fixed64. */
  writeFixed(writer: Writer, field: number): void {
    writer.header(field, 8 * this.length);
    writer.raw(this.#bytes, 0, 8 * this.length);
  }

  /** Packed uint64. */
  writeVarints(writer: Writer, field: number): void {
    const { words } = this;
    const mark = writer.begin(field, this.length);
    for (let at = 0; at < 2 * this.length; at += 2) {
      const high = words[at + 1] ?? 0;
      if (high === 0) writer.varint(words[at] ?? 0);
      else writer.varintParts(words[at] ?? 0, high);
    }
    writer.end(mark);
  }

  #ensure(length: number): void {
    if (2 * length <= this.words.length) return;
    const grown = new Uint32Array(Math.max(2 * length, 2 * this.words.length));
    grown.set(this.words);
    this.#set(grown);
  }

  #set(words: Uint32Array<ArrayBuffer>): void {
    this.words = words;
    this.#bytes = Buffer.from(words.buffer);
  }
}

const TWO_32 = 2 ** 32;
