import { addHistogram, addNumber } from '../../otlp/metrics/arithmetic.ts';
import { addExponential, DEFAULT_MAX_SIZE } from '../../otlp/metrics/exponential-arithmetic.ts';
import { ExponentialPoint } from '../../otlp/metrics/exponential-point.ts';
import { HistogramPoint } from '../../otlp/metrics/histogram-point.ts';
import { NumberPoint } from '../../otlp/metrics/number-point.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import type { AggregationType } from './operation-config.ts';

/**
 * Puts the values of points together, one group after another: `begin` with the first point, `add` the others, `finish`.
 * What there is by then is in `point`.
 */
export interface Aggregate {
  readonly point: Point;
  /** For reading the next point. */
  readonly other: Point;
  begin(type: AggregationType): void;
  /** Adds `other`; false when it does not go together with what there is. */
  add(): boolean;
  finish(): void;
}

export class HistogramAggregate implements Aggregate {
  readonly point = new HistogramPoint();
  readonly other = new HistogramPoint();

  begin(): void {
    // Histograms are added, whatever the type.
  }

  add(): boolean {
    return addHistogram(this.point, this.other);
  }

  finish(): void {
    // The sum is all there is.
  }
}

export class ExponentialAggregate implements Aggregate {
  readonly point = new ExponentialPoint();
  readonly other = new ExponentialPoint();

  begin(): void {
    // Histograms are added, whatever the type.
  }

  /** With no fewer buckets than either of them has. */
  add(): boolean {
    const { point, other } = this;
    const sizes = [point.positive, point.negative, other.positive, other.negative].map(({ counts }) => counts.length);
    addExponential(point, other, Math.max(DEFAULT_MAX_SIZE, ...sizes));
    return true;
  }

  finish(): void {
    // The sum is all there is.
  }
}

/** Integers stay integers, and exact, while all are. */
export class NumberAggregate implements Aggregate {
  readonly point = new NumberPoint();
  readonly other = new NumberPoint();
  readonly #values: (number | bigint)[] = [];
  #type: AggregationType = 'sum';
  #count = 0;

  begin(type: AggregationType): void {
    this.#type = type;
    this.#count = 1;
    this.#values.length = 0;
    if (type === 'median') this.#values.push(valueOf(this.point));
  }

  add(): boolean {
    const { point, other } = this;
    this.#count += 1;
    if (this.#type === 'sum' || this.#type === 'mean') addNumber(point, other);
    else if (this.#type === 'median') this.#values.push(valueOf(other));
    else if (this.#type !== 'count' && wins(other, point, this.#type === 'max')) take(point, other);
    return true;
  }

  finish(): void {
    const { point } = this;
    switch (this.#type) {
      case 'mean':
        this.#divide();
        return;
      case 'count':
        if (point.kind === 'double') point.setDouble(this.#count);
        else point.int.setNumber(this.#count);
        return;
      case 'median':
        set(point, medianOf(this.#values));
        return;
      case 'sum':
      case 'min':
      case 'max':
    }
  }

  /** The mean of integers is one: it is cut off towards zero, as in the Collector. */
  #divide(): void {
    const { point } = this;
    const sum = valueOf(point);
    set(point, typeof sum === 'bigint' ? sum / BigInt(this.#count) : sum / this.#count);
  }
}

function valueOf(point: NumberPoint): number | bigint {
  if (point.kind !== 'int') return point.value;
  return BigInt.asIntN(64, (BigInt(point.int.high) << 32n) | BigInt(point.int.low));
}

function set(point: NumberPoint, value: number | bigint): void {
  if (typeof value === 'number') {
    point.setDouble(value);
    return;
  }
  point.kind = 'int';
  point.int.set(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
}

/** What is not a number wins, so that it shows. */
function wins(a: NumberPoint, b: NumberPoint, isMax: boolean): boolean {
  if (a.kind === 'int' && b.kind === 'int') {
    const order = a.int.compareSigned(b.int);
    return isMax ? order > 0 : order < 0;
  }
  if (Number.isNaN(a.value)) return true;
  return isMax ? a.value > b.value : a.value < b.value;
}

function take(point: NumberPoint, from: NumberPoint): void {
  point.kind = from.kind;
  point.double = from.double;
  point.int.copy(from.int);
}

/** In the middle of two integers it is cut off towards zero, as in the Collector. */
function medianOf(values: readonly (number | bigint)[]): number | bigint {
  const half = values.length >> 1;
  const isOdd = values.length % 2 === 1;
  const integers = values.filter((value) => typeof value === 'bigint');
  if (integers.length === values.length) {
    integers.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const [lower = 0n, upper = 0n] = [integers[half - 1], integers[half]];
    return isOdd ? upper : (lower + upper) / 2n;
  }
  const numbers = values.map(Number).sort(byValue);
  const [lower = 0, upper = 0] = [numbers[half - 1], numbers[half]];
  return isOdd ? upper : (lower + upper) / 2;
}

/** What is not a number comes first, as in Go. */
function byValue(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a < b ? -1 : a > b ? 1 : 0;
}
