import { I64, malformed, type Cursor } from '../wire.ts';

/**
 * An integer of 64 bits as its two halves, exact, without a bigint: a time in nanoseconds, a count, or, in two's
 * complement, the integer value of a data point. Both halves are unsigned.
 */
export class Integer64 {
  low = 0;
  high = 0;

  set(low: number, high: number): void {
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  copy(from: Integer64): void {
    this.low = from.low;
    this.high = from.high;
  }

  /** A whole number, from -2^63 to below 2^64; exact as far as it is. */
  setNumber(value: number): void {
    const high = Math.floor(value / TWO_32);
    this.set(value - high * TWO_32, high);
  }

  /** The fixed64 that `at` stands on; of any other wire type it is malformed. */
  read(at: Cursor): void {
    if (at.wireType !== I64) throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
    this.low = at.fixed64Low();
    this.high = at.fixed64High();
  }

  get isZero(): boolean {
    return this.low === 0 && this.high === 0;
  }

  get isNegative(): boolean {
    return this.high > 0x7fffffff;
  }

  /** Taken as unsigned: negative, zero or positive, as this is less than, equal to or greater than `other`. */
  compare(other: Integer64): number {
    return this.high === other.high ? this.low - other.low : this.high - other.high;
  }

  compareSigned(other: Integer64): number {
    return this.high === other.high ? this.low - other.low : (this.high | 0) - (other.high | 0);
  }

  /** Adds modulo 2^64; true when an unsigned sum does not fit. */
  add(other: Integer64): boolean {
    const low = this.low + other.low;
    const high = this.high + other.high + (low >= TWO_32 ? 1 : 0);
    this.set(low, high);
    return high >= TWO_32;
  }

  /** Subtracts modulo 2^64; true when an unsigned difference would be below zero. */
  subtract(other: Integer64): boolean {
    const isBelow = this.compare(other) < 0;
    const borrow = this.low < other.low ? 1 : 0;
    this.set(this.low - other.low, this.high - other.high - borrow);
    return isBelow;
  }

  /** Taken as unsigned; exact up to 2^53. */
  toNumber(): number {
    return this.high * TWO_32 + this.low;
  }

  /** Exact from -2^53 to 2^53. */
  toSigned(): number {
    return (this.high | 0) * TWO_32 + this.low;
  }
}

const TWO_32 = 2 ** 32;
