import type { Cursor } from '../wire.ts';
import type { Writer } from '../writer.ts';
import { Integer64 } from './integer64.ts';

/** Field numbers, which the two kinds of histogram do not share. */
export interface DistributionFields {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}

/** What both kinds of histogram say of all their values together. */
export class Distribution {
  readonly count = new Integer64();
  /** A histogram need not have a sum, a minimum and a maximum. */
  hasSum = false;
  sum = 0;
  hasMin = false;
  min = 0;
  hasMax = false;
  max = 0;
  readonly #fields: DistributionFields;

  constructor(fields: DistributionFields) {
    this.#fields = fields;
  }

  clear(): void {
    this.count.set(0, 0);
    this.hasSum = this.hasMin = this.hasMax = false;
  }

  copy(from: Distribution): void {
    this.count.copy(from.count);
    this.hasSum = from.hasSum;
    this.sum = from.sum;
    this.hasMin = from.hasMin;
    this.min = from.min;
    this.hasMax = from.hasMax;
    this.max = from.max;
  }

  /** The field that `at` stands on, when it is one of these. */
  read(at: Cursor): void {
    const { count, sum, min, max } = this.#fields;
    switch (at.field) {
      case count:
        this.count.read(at);
        return;
      case sum:
        this.sum = at.double();
        this.hasSum = true;
        return;
      case min:
        this.min = at.double();
        this.hasMin = true;
        return;
      case max:
        this.max = at.double();
        this.hasMax = true;
    }
  }

  write(writer: Writer): void {
    const { count, sum, min, max } = this.#fields;
    writer.fixed64Parts(count, this.count.low, this.count.high);
    if (this.hasSum) writer.double(sum, this.sum);
    if (this.hasMin) writer.double(min, this.min);
    if (this.hasMax) writer.double(max, this.max);
  }

  /** Of the values of both. What only one of them knows, though both have values, is not known of all. */
  add(other: Distribution): void {
    if (other.count.isZero) return;
    if (this.count.isZero) {
      this.copy(other);
      return;
    }
    this.count.add(other.count);
    this.hasSum &&= other.hasSum;
    this.hasMin &&= other.hasMin;
    this.hasMax &&= other.hasMax;
    this.sum += other.sum;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
  }

  /** Takes the values of `earlier` out. The extremes of the rest are not known. */
  subtract(earlier: Distribution): void {
    this.count.subtract(earlier.count);
    // Without values there is no sum to take out.
    this.hasSum &&= earlier.hasSum || earlier.count.isZero;
    if (earlier.hasSum) this.sum -= earlier.sum;
    this.hasMin = false;
    this.hasMax = false;
  }
}
