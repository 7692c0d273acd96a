import {
  addHistogram,
  addNumber,
  subtractHistogram,
  subtractNumber,
  type Subtracted,
} from '../../otlp/metrics/arithmetic.ts';
import { addExponential, subtractExponential } from '../../otlp/metrics/exponential-arithmetic.ts';
import { ExponentialPoint } from '../../otlp/metrics/exponential-point.ts';
import { HistogramPoint } from '../../otlp/metrics/histogram-point.ts';
import { NumberPoint } from '../../otlp/metrics/number-point.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import { METRIC, NO_RECORDED_VALUE } from '../../otlp/fields.ts';

/** A point that came, and what is known of its stream. */
export interface Pair {
  readonly point: Point;
  readonly held: Point;
  /** Adds the values of `point` to those of `held`; false, and nothing done, when they have other bounds. */
  add(): boolean;
  /** Takes the values of `held` out of `point`. */
  subtract(): Subtracted;
  /** True of a point without a value, or with one that is no number. */
  isBlank(): boolean;
  /** Whether the point counted less than what is held: true for certain of a reset only. */
  isLess(): boolean;
}

/** Pairs of one kind each, used again and again. */
export class Pairs {
  readonly #numbers = numbers();
  readonly #histograms = histograms();
  readonly #exponentials = exponentials();

  /** Of the field of Metric that holds the point; undefined where temporality means nothing. */
  of(dataField: number): Pair | undefined {
    switch (dataField) {
      case METRIC.sum:
        return this.#numbers;
      case METRIC.histogram:
        return this.#histograms;
      case METRIC.exponentialHistogram:
        return this.#exponentials;
      default:
        return undefined;
    }
  }

  release(): void {
    for (const { point, held } of [this.#numbers, this.#histograms, this.#exponentials]) {
      point.release();
      held.release();
    }
  }
}

function hasNoValue(point: Point): boolean {
  return (point.flags & NO_RECORDED_VALUE) !== 0;
}

function numbers(): Pair {
  const point = new NumberPoint();
  const held = new NumberPoint();
  return {
    point,
    held,
    add() {
      addNumber(held, point);
      return true;
    },
    subtract: () => subtractNumber(point, held),
    isBlank: () => hasNoValue(point) || point.kind === 'none' || Number.isNaN(point.value),
    isLess: () => point.value < held.value,
  };
}

function histograms(): Pair {
  const point = new HistogramPoint();
  const held = new HistogramPoint();
  return {
    point,
    held,
    add: () => addHistogram(held, point),
    subtract: () => subtractHistogram(point, held),
    isBlank: () => hasNoValue(point),
    isLess: () => point.whole.count.compare(held.whole.count) < 0,
  };
}

function exponentials(): Pair {
  const point = new ExponentialPoint();
  const held = new ExponentialPoint();
  return {
    point,
    held,
    add() {
      addExponential(held, point);
      return true;
    },
    subtract: () => subtractExponential(point, held),
    isBlank: () => hasNoValue(point),
    isLess: () => point.whole.count.compare(held.whole.count) < 0,
  };
}
