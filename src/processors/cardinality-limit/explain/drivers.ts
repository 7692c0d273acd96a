import type { MetricAnalysis } from './metric-analysis.ts';
import { SAMPLE_ROWS } from './series-sample.ts';

/** Labels that together drive the number of series, and only together: each of them alone would change too little. */
export interface Driver {
  /** Indexes of labels, the one with the most values first. */
  readonly labels: readonly number[];
  /** Series that would be left without them. */
  readonly seriesWithout: number;
}

const MAX_DRIVERS = 4;
const MAX_TOGETHER = 12;

/**
 * The smallest sets of labels without which at most `target` series would be left. Several, when each of them alone would
 * do and multiplies the series about as the first does: a product. The others have nothing in common with the first.
 *
 * A set grows by the label with the most values until it is enough, and then loses whatever is not needed: labels that
 * change together, such as a user and its session, each leave all series in place, and are found as one set.
 */
export function findDrivers(analysis: MetricAnalysis, target: number): Driver[] {
  const series = analysis.series.count();
  const remaining = new Remaining(analysis, series);
  const values = analysis.labels.map((label) => label.values.count());
  let free = [...values.keys()]
    .filter((index) => (values[index] ?? 0) > 1)
    .sort((one, other) => (values[other] ?? 0) - (values[one] ?? 0));
  const drivers: Driver[] = [];
  while (drivers.length < MAX_DRIVERS) {
    const labels = smallestSet(free, (set) => remaining.without(set) <= target);
    if (labels === undefined) return drivers;
    const left = Math.max(1, remaining.without(labels));
    const isAsStrong = (series / left) ** 2 * (drivers[0]?.seriesWithout ?? 0) >= series;
    if (drivers.length > 0 && !isAsStrong) return drivers;
    drivers.push({ labels, seriesWithout: left });
    free = free.filter((index) => !labels.includes(index));
  }
  return drivers;
}

/**
 * The series that would be left without one label, for people. Estimates of many series err by some percent, which would
 * read as if a label that changes nothing mattered: where the sample knows of no two series that would become one, it is all.
 */
export function seriesWithout(analysis: MetricAnalysis, label: number): number {
  const series = analysis.series.count();
  const { sample } = analysis;
  const left = new Set<number>();
  for (let row = 0; row < sample.rows; row++) left.add(sample.without(row, [label]));
  if (left.size === sample.rows) return series;
  return Math.min(series, analysis.labels[label]?.without.count() ?? series);
}

/** `free` begins with what has the most values. */
function smallestSet(free: readonly number[], isEnough: (set: readonly number[]) => boolean): number[] | undefined {
  let set: number[] = [];
  for (const index of free.slice(0, MAX_TOGETHER)) {
    set.push(index);
    if (isEnough(set)) break;
  }
  if (set.length === 0 || !isEnough(set)) return undefined;
  for (const index of set.toReversed()) {
    const less = set.filter((each) => each !== index);
    if (less.length > 0 && isEnough(less)) set = less;
  }
  return set;
}

/** How many series would be left without a set of labels: counted for one label, judged by the sample for more. */
class Remaining {
  readonly #analysis: MetricAnalysis;
  readonly #series: number;
  /** Sums of rows and how often they were seen, open addressing; a count of 0 is an empty place. */
  readonly #sums = new Uint32Array(PLACES);
  readonly #counts = new Uint16Array(PLACES);

  constructor(analysis: MetricAnalysis, series: number) {
    this.#analysis = analysis;
    this.#series = series;
  }

  without(labels: readonly number[]): number {
    const [first = 0] = labels;
    if (labels.length === 1) return this.#analysis.labels[first]?.without.count() ?? this.#series;
    return this.#judge(labels);
  }

  /**
   * The estimator of Chao, "Nonparametric estimation of the number of classes in a population" (1984), with its correction of
   * the bias: what was seen once or twice in a sample tells how much was not seen. Where nothing was seen twice it says all.
   */
  #judge(labels: readonly number[]): number {
    const { sample } = this.#analysis;
    this.#counts.fill(0);
    let [distinct, once, twice] = [0, 0, 0];
    for (let row = 0; row < sample.rows; row++) {
      const seen = this.#count(sample.without(row, labels));
      if (seen === 1) distinct += 1;
      once += seen === 1 ? 1 : seen === 2 ? -1 : 0;
      twice += seen === 2 ? 1 : seen === 3 ? -1 : 0;
    }
    if (sample.isWhole) return distinct;
    return Math.min(this.#series, Math.round(distinct + (once * (once - 1)) / (2 * twice + 2)));
  }

  #count(sum: number): number {
    let at = sum % PLACES;
    while (this.#counts[at] !== 0 && this.#sums[at] !== sum) at = (at + 1) % PLACES;
    this.#sums[at] = sum;
    return (this.#counts[at] = (this.#counts[at] ?? 0) + 1);
  }
}

const PLACES = 4 * SAMPLE_ROWS;
