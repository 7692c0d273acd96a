import { METRIC } from '../../otlp/fields.ts';
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
import type { MetricPlace } from '../../otlp/metrics/metric-place.ts';
import { NumberPoint } from '../../otlp/metrics/number-point.ts';
import type { Point } from '../../otlp/metrics/point.ts';
import { SummaryPoint } from '../../otlp/metrics/summary-point.ts';

/** What merging asks of a kind of data point. Times and flags are the caller's. */
export interface Kind<P extends Point> {
  /** Values may go down: they are what there is, not what was counted, so that a restart changes nothing. */
  readonly isLevel?: boolean;
  make(): P;
  /** The values of `from`. */
  copy(into: P, from: P): void;
  /** Whether there are values, and `add` can take them. */
  canAdd(into: P | undefined, other: P): boolean;
  add(into: P, other: P): void;
  /** Leaves in `later` what came after `earlier`. */
  subtract(later: P, earlier: P): Subtracted;
}

export const numbers: Kind<NumberPoint> = {
  make: () => new NumberPoint(),
  copy(into, from) {
    into.kind = from.kind;
    into.double = from.double;
    into.int.copy(from.int);
  },
  canAdd: (_into, other) => other.kind !== 'none' && Number.isFinite(other.value),
  add: addNumber,
  subtract: subtractNumber,
};

/** Of sums that may go down. */
export const levels: Kind<NumberPoint> = {
  ...numbers,
  isLevel: true,
  subtract(later, earlier) {
    if (later.kind === 'int' && earlier.kind === 'int') later.int.subtract(earlier.int);
    else later.setDouble(later.value - earlier.value);
    return 'done';
  },
};

export const histograms: Kind<HistogramPoint> = {
  make: () => new HistogramPoint(),
  copy(into, from) {
    into.whole.copy(from.whole);
    into.counts.copy(from.counts);
    into.copyBounds(from);
  },
  canAdd: (into, other) => isFiniteSum(other.whole) && (into === undefined || into.hasBoundsOf(other)),
  add: (into, other) => void addHistogram(into, other),
  subtract: subtractHistogram,
};

export const exponentials: Kind<ExponentialPoint> = {
  make: () => new ExponentialPoint(),
  copy: (into, from) => into.copyValues(from),
  canAdd: (_into, other) => isFiniteSum(other.whole),
  add: (into, other) => addExponential(into, other),
  subtract: subtractExponential,
};

/** Quantiles cannot be added up; counts and sums can. */
export const summaries: Kind<SummaryPoint> = {
  make: () => new SummaryPoint(),
  copy(into, from) {
    into.count.copy(from.count);
    into.sum = from.sum;
  },
  canAdd: (_into, other) => Number.isFinite(other.sum),
  add(into, other) {
    into.count.add(other.count);
    into.sum += other.sum;
  },
  subtract(later, earlier) {
    if (later.count.compare(earlier.count) < 0) return 'reset';
    later.count.subtract(earlier.count);
    later.sum -= earlier.sum;
    return 'done';
  },
};

/** An infinite or missing number would be in a total for ever. */
function isFiniteSum({ hasSum, sum }: { readonly hasSum: boolean; readonly sum: number }): boolean {
  return !hasSum || Number.isFinite(sum);
}

/** How the points of a metric are merged. */
export type MergeWay =
  /** The last one by its time. */
  | 'last'
  /** Added up within a batch. */
  | 'delta'
  /** Added up for good: of each member what came after its last point. */
  | 'cumulative';

/** How often a kind of metric says its values; undefined when nobody can tell what they mean together. */
export function mergeWay(dataField: number, temporality: number): MergeWay | undefined {
  if (dataField === METRIC.gauge) return 'last';
  if (dataField === METRIC.summary) return 'cumulative';
  if (temporality === DELTA) return 'delta';
  return temporality === CUMULATIVE ? 'cumulative' : undefined;
}

/** Whether a metric is a cumulative sum that may go down. */
export function isLevel({ dataField, temporality, isMonotonic }: MetricPlace): boolean {
  return dataField === METRIC.sum && temporality === CUMULATIVE && !isMonotonic;
}

const DELTA = 1;
const CUMULATIVE = 2;
