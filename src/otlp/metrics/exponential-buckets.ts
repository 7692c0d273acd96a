import { BUCKETS } from '../fields.ts';
import { Cursor, LEN, malformed, VARINT } from '../wire.ts';
import type { Writer } from '../writer.ts';
import { Counts } from './counts.ts';
import { unzigzag, zigzag } from './exponential-index.ts';
import type { Integer64 } from './integer64.ts';

/**
 * The buckets of one sign: `counts` are those of the indexes from `offset` on.
 *
 *   message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
 */
export class ExponentialBuckets {
  offset = 0;
  counts = new Counts();

  clear(): void {
    this.offset = 0;
    this.counts.clear();
  }

  copy(from: ExponentialBuckets): void {
    this.offset = from.offset;
    this.counts.copy(from.counts);
  }

  /** Index of the last one. */
  get last(): number {
    return this.offset + this.counts.length - 1;
  }

  /** Adds what the message that `at` stands on says: one that comes twice is merged, as protobuf has it. */
  read(at: Cursor): void {
    for (cursor.enter(at); cursor.next();) {
      if (cursor.field === BUCKETS.offset) this.offset = unzigzag(cursor.int32());
      else if (cursor.field === BUCKETS.bucketCounts) this.#readCounts();
    }
    cursor.reset(EMPTY, 0, 0);
    if (this.last > MAX_INDEX) throw malformed('buckets beyond what 32 bits can number', at.tagStart);
  }

  /** Packed, or one element of a list that is not: both are whole varints from `start` to `end`. */
  #readCounts(): void {
    const { wireType, bytes, start, end, tagStart } = cursor;
    if (wireType !== LEN && wireType !== VARINT) throw malformed('bucket counts are no varints', tagStart);
    this.counts.pushVarints(bytes, start, end);
  }

  write(writer: Writer, field: number): void {
    if (this.counts.length === 0) return;
    const mark = writer.begin(field, this.counts.length + 8);
    if (this.offset !== 0) writer.uint(BUCKETS.offset, zigzag(this.offset));
    this.counts.writeVarints(writer, BUCKETS.bucketCounts);
    writer.end(mark);
  }

  hasCount(index: number): boolean {
    return index >= this.offset && index <= this.last && !this.counts.isZero(index - this.offset);
  }

  /** Leaves no empty buckets at either end. */
  trim(): void {
    const { counts } = this;
    let front = 0;
    let { length } = counts;
    while (length > 0 && counts.isZero(length - 1)) length -= 1;
    while (front < length && counts.isZero(front)) front += 1;
    counts.cut(front, length - front);
    this.offset = length === 0 ? 0 : this.offset + front;
  }

  /** Has the buckets of `range`, which are of the scale that `shift` leads to, and puts its counts there. */
  relay(range: Range, shift: Shift, zeroCount: Integer64): void {
    const { counts, offset } = this;
    const isCovered = counts.length > 0 && range.first >= offset && range.last <= this.last;
    if (isCovered && shift.toCommon === 0 && shift.fall === 0 && shift.cut === -Infinity) return;
    const isEmpty = range.last < range.first;
    this.counts = spare;
    this.counts.zeros(isEmpty ? 0 : range.last - range.first + 1);
    this.offset = isEmpty ? 0 : range.first;
    this.#addCounts(counts, offset, shift, zeroCount);
    spare = counts;
  }

  /** Adds those of `other`, which has its own way to the present scale. There must be a place for each. */
  add(other: ExponentialBuckets, shift: Shift, zeroCount: Integer64): void {
    this.#addCounts(other.counts, other.offset, shift, zeroCount);
  }

  #addCounts(from: Counts, offset: number, { toCommon, cut, fall }: Shift, zeroCount: Integer64): void {
    for (let at = 0; at < from.length; at++) {
      if (from.isZero(at)) continue;
      const index = (offset + at) >> toCommon;
      if (index < cut) from.addTo(zeroCount, at);
      else this.counts.add((index >> fall) - this.offset, from, at);
    }
  }

  /** Takes those of `other` out, which are of the same scale; false, and garbage, when there are not as many. */
  subtract(other: ExponentialBuckets): boolean {
    for (let at = 0; at < other.counts.length; at++) {
      if (other.counts.isZero(at)) continue;
      const index = other.offset + at;
      if (index < this.offset || index > this.last) return false;
      if (!this.counts.subtract(index - this.offset, other.counts, at)) return false;
    }
    return true;
  }
}

/** First and last index; empty while last < first. */
export interface Range {
  first: number;
  last: number;
}

/** The way of a bucket from its own scale to another: by `toCommon`, there perhaps to the zero count, then by `fall`. */
export interface Shift {
  toCommon: number;
  /** The first bucket that stays one. */
  cut: number;
  fall: number;
}

/** Source: OpenTelemetry specification, metrics/data-model.md, producer expectations. */
const MAX_INDEX = 2 ** 31 - 1;
const EMPTY = new Uint8Array(0);
const cursor = new Cursor();
/** Changes places with the counts that are relaid. */
let spare = new Counts();
