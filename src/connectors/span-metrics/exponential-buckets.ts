import { BUCKETS, EXPONENTIAL_POINT } from '../../otlp/fields.ts';
import { bucketIndex, zigzag } from '../../otlp/metrics/exponential-index.ts';
import type { Writer } from '../../otlp/writer.ts';
import { MAX_COUNT, writeCount } from './counts.ts';
import type { Durations } from './durations.ts';

/** Where a series begins: buckets of less than a millionth. */
const MAX_SCALE = 20;
const FIRST_SIZE = 16;

/**
 * Buckets (base^index, base^(index + 1)] with base = 2^(2^-scale). The scale falls, and neighbours become one, when the
 * values would need more than `maxSize` buckets.
 * Source: OpenTelemetry specification, metrics/data-model.md, ExponentialHistogram.
 *
 * Invariants: `#counts[index modulo its length]` is the count of bucket `index`, for indexes from `#low` to `#high`, of
 * which there are never more than the array has places; all other places are 0. Nothing is counted while #high < #low.
 */
export class ExponentialBuckets implements Durations {
  readonly isExponential = true;
  readonly pointFields = EXPONENTIAL_POINT;
  readonly #maxSize: number;
  #counts: Float64Array;
  #scale = MAX_SCALE;
  #low = 0;
  #high = -1;
  #zeros = 0;
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
    this.#counts = new Float64Array(Math.min(FIRST_SIZE, maxSize));
  }

  observe(value: number, weight: number): void {
    this.#count += weight;
    this.#sum += value * weight;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    if (value <= 0) {
      this.#zeros += weight;
      return;
    }
    let index = bucketIndex(value, this.#scale);
    if (index < this.#low || index > this.#high) index >>= this.#makeRoom(index);
    const place = placeOf(index, this.#counts.length);
    this.#counts[place] = (this.#counts[place] ?? 0) + weight;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#scale = MAX_SCALE;
    this.#low = 0;
    this.#high = -1;
    this.#zeros = 0;
    this.#count = 0;
    this.#sum = 0;
    this.#min = Infinity;
    this.#max = 0;
  }

  write(writer: Writer): void {
    const fields = EXPONENTIAL_POINT;
    writeCount(writer, fields.count, this.#count);
    writer.double(fields.sum, this.#sum);
    writer.uint(fields.scale, zigzag(this.#scale));
    writeCount(writer, fields.zeroCount, this.#zeros);
    if (this.#high >= this.#low) this.#writeBuckets(writer);
    if (this.#count === 0) return;
    writer.double(fields.min, this.#min);
    writer.double(fields.max, this.#max);
  }

  #writeBuckets(writer: Writer): void {
    const positive = writer.begin(EXPONENTIAL_POINT.positive, 128);
    writer.uint(BUCKETS.offset, zigzag(this.#low));
    const counts = writer.begin(BUCKETS.bucketCounts, this.#high - this.#low + 1);
    for (let index = this.#low; index <= this.#high; index++) writer.varint(Math.min(this.#at(index), MAX_COUNT));
    writer.end(counts);
    writer.end(positive);
  }

  #at(index: number): number {
    return this.#counts[placeOf(index, this.#counts.length)] ?? 0;
  }

  /** Makes `index`, of the present scale, one of the buckets; returns by how much the scale fell for it. */
  #makeRoom(index: number): number {
    const isEmpty = this.#high < this.#low;
    let low = isEmpty ? index : Math.min(this.#low, index);
    let high = isEmpty ? index : Math.max(this.#high, index);
    let fall = 0;
    while (high - low >= this.#maxSize) {
      low >>= 1;
      high >>= 1;
      fall += 1;
    }
    this.#relay(low, high, fall);
    return fall;
  }

  /** Lowers the scale by `fall`, and has places for buckets from `low` to `high` of the new scale. */
  #relay(low: number, high: number, fall: number): void {
    let size = this.#counts.length;
    while (size < high - low + 1) size = Math.min(size * 2, this.#maxSize);
    if (fall > 0 || size > this.#counts.length) {
      const counts = new Float64Array(size);
      for (let index = this.#low; index <= this.#high; index++) {
        const place = placeOf(index >> fall, size);
        counts[place] = (counts[place] ?? 0) + this.#at(index);
      }
      this.#counts = counts;
    }
    this.#scale -= fall;
    this.#low = low;
    this.#high = high;
  }
}

function placeOf(index: number, size: number): number {
  const rest = index % size;
  return rest < 0 ? rest + size : rest;
}
