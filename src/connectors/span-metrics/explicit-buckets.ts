import { HISTOGRAM_POINT } from '../../otlp/fields.ts';
import type { Writer } from '../../otlp/writer.ts';
import type { Durations } from './durations.ts';
import { writeCount, writeRawCount } from './counts.ts';

/** Counts by fixed bounds: a value belongs to the first bucket whose bound is not below it, or to the last one. */
export class ExplicitBuckets implements Durations {
  readonly isExponential = false;
  readonly pointFields = HISTOGRAM_POINT;
  readonly #bounds: Float64Array;
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  /** The bounds grow; they are shared by all series. */
  constructor(bounds: Float64Array) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number, weight: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bounds[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + weight;
    this.#count += weight;
    this.#sum += value * weight;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sum = 0;
  }

  write(writer: Writer): void {
    writeCount(writer, HISTOGRAM_POINT.count, this.#count);
    writer.double(HISTOGRAM_POINT.sum, this.#sum);
    const counts = writer.begin(HISTOGRAM_POINT.bucketCounts, this.#counts.length * 8);
    for (const count of this.#counts) writeRawCount(writer, count);
    writer.end(counts);
    if (this.#bounds.length === 0) return;
    const bounds = writer.begin(HISTOGRAM_POINT.explicitBounds, this.#bounds.length * 8);
    for (const bound of this.#bounds) writer.rawDouble(bound);
    writer.end(bounds);
  }
}
