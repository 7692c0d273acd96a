import { parseNumber } from '../../core/go-number.ts';
import type { Family, FamilyType } from './family.ts';
import type { SampleKey } from './sample-key.ts';

/** What one sample is among those of its metric, as the suffix of its name says. */
type Role = 'value' | 'bucket' | 'count' | 'sum' | 'quantile' | 'other';

/** The samples of one metric: a family and a set of labels without `le` and `quantile`. Numbers are those of `page`. */
interface MetricPoint {
  readonly family: Family;
  page: number;
  /** Bound and value of the last bucket. */
  bound: number;
  below: number;
  count: number;
  hasSum: boolean;
  isNegative: boolean;
}

/** Where a sample belongs; worked out when its line is seen for the first time. */
export interface PlacedSample {
  readonly point: MetricPoint | undefined;
  readonly role: Role;
  /** Of a bucket or quantile, else NaN. */
  readonly level: number;
  /** Number of the page that last held it, and its timestamp there in ms, NaN when it had none. */
  page: number;
  stamp: number;
}

/** The names that samples of a family may have, as what follows its name. */
const SUFFIXES: Readonly<Record<FamilyType, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  unknown: [''],
  stateset: [''],
  info: ['_info'],
  histogram: ['_bucket', '_count', '_sum', '_created'],
  gaugehistogram: ['_bucket', '_gcount', '_gsum'],
  summary: ['', '_count', '_sum', '_created'],
};
const ROLES: Readonly<Record<string, Role>> = {
  _bucket: 'bucket',
  _count: 'count',
  _gcount: 'count',
  _sum: 'sum',
  _gsum: 'sum',
};

/**
 * What OpenMetrics 1.0 demands of samples beyond their grammar (specification, "Metric types"): of their labels when they
 * are seen for the first time, of their values on every page. Text 0.0.4 has no such rules. Every method answers what is wrong, or
 * undefined. One exception is made: metrics of one family may be interleaved, because a widely used library does that.
 *
 * Entries are those of one EntryTable; an entry that another format brought has no place here and is not checked.
 */
export class OpenMetricsPoints {
  readonly #placed: (PlacedSample | undefined)[] = [];
  readonly #byKey = new Map<string, MetricPoint>();
  readonly #names = new Map<string, string>();
  #touched: MetricPoint[] = [];

  beginPage(): void {
    this.#touched = [];
  }

  /** Takes the sample names of a new family; those of another one cannot be among them. */
  claim(name: string, type: FamilyType): string | undefined {
    for (const suffix of SUFFIXES[type]) {
      const other = this.#names.get(name + suffix);
      if (other !== undefined && other !== name) return `"${name}" and "${other}" both have samples "${name}${suffix}"`;
    }
    for (const suffix of SUFFIXES[type]) this.#names.set(name + suffix, name);
    return undefined;
  }

  /** The place of a sample that was not seen before, for `keep`; a string says what is wrong with its labels. */
  place(key: SampleKey, family: Family): PlacedSample | string {
    const suffix = key.name.slice(family.name.length);
    const { type } = family;
    if (type === 'stateset' && labelOf(key, family.name) === undefined) {
      return `a sample of state set "${family.name}" must have a label of that name`;
    }
    const role =
      type === 'summary' && suffix === '' ? 'quantile' : (ROLES[suffix] ?? (suffix === '_created' ? 'other' : 'value'));
    const levelLabel = role === 'bucket' ? 'le' : role === 'quantile' ? 'quantile' : undefined;
    const level = levelLabel === undefined ? Number.NaN : (parseNumber(labelOf(key, levelLabel) ?? '') ?? Number.NaN);
    if (levelLabel !== undefined && Number.isNaN(level))
      return `"${key.name}" needs a number in its label "${levelLabel}"`;
    if (role === 'quantile' && !(level >= 0 && level <= 1)) return `a quantile is between 0 and 1, not ${level}`;
    const isGroup = type === 'histogram' || type === 'gaugehistogram';
    return { role, level, point: isGroup ? this.#pointOf(key, family) : undefined, page: 0, stamp: Number.NaN };
  }

  keep(entry: number, placed: PlacedSample): void {
    this.#placed[entry] = placed;
  }

  isBucket(entry: number): boolean {
    return this.#placed[entry]?.role === 'bucket';
  }

  /** Whether page `number` held the series before, other than with an earlier timestamp. */
  isRepeated(entry: number, stamp: number, number: number): boolean {
    const placed = this.#placed[entry];
    if (placed === undefined) return false;
    const repeated = placed.page === number && !(stamp > placed.stamp);
    placed.page = number;
    placed.stamp = stamp;
    return repeated;
  }

  /** Checks a sample of page `number`. */
  sample(entry: number, family: Family, value: number, number: number): string | undefined {
    const placed = this.#placed[entry];
    if (placed === undefined) return undefined;
    const { point, role, level } = placed;
    if (family.type === 'info' && value !== 1) return `the value of an info is 1, not ${value}`;
    if (family.type === 'stateset' && value !== 0 && value !== 1) return `a state is 0 or 1, not ${value}`;
    if (role === 'quantile' && value < 0) return 'the value of a quantile cannot be negative';
    if (role === 'sum' && family.type !== 'gaugehistogram' && !(value >= 0)) return 'a sum cannot be negative or NaN';
    if (role === 'count' && !(value >= 0)) return 'a count cannot be negative or NaN';
    if (point === undefined) return undefined;
    if (point.page !== number) this.#begin(point, number);
    if (role === 'count') point.count = value;
    else if (role === 'sum') point.hasSum = true;
    else if (role === 'bucket') return bucketProblem(point, level, value);
    return undefined;
  }

  /** Checks what only the end of a page shows. */
  endPage(): string | undefined {
    for (const point of this.#touched) {
      const problem = pointProblem(point);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #begin(point: MetricPoint, number: number): void {
    point.page = number;
    point.bound = -Infinity;
    point.below = 0;
    point.count = Number.NaN;
    point.hasSum = point.isNegative = false;
    this.#touched.push(point);
  }

  #pointOf({ labels }: SampleKey, family: Family): MetricPoint {
    const pairs: string[] = [];
    for (let at = 0; at < labels.length; at += 2) {
      if (labels[at] !== 'le') pairs.push(JSON.stringify([labels[at], labels[at + 1]]));
    }
    const key = `${family.index} ${pairs.sort().join()}`;
    let point = this.#byKey.get(key);
    if (point === undefined) {
      point = { family, page: 0, bound: 0, below: 0, count: 0, hasSum: false, isNegative: false };
      this.#byKey.set(key, point);
    }
    return point;
  }
}

function bucketProblem(point: MetricPoint, bound: number, value: number): string | undefined {
  if (!(value >= 0)) return 'a bucket cannot be negative or NaN';
  if (bound <= point.bound && point.bound !== -Infinity) return 'buckets stand in increasing order of le';
  if (value < point.below) return 'a bucket counts everything below it, so it cannot have less than the one before';
  point.bound = bound;
  point.below = value;
  if (bound < 0) point.isNegative = true;
  return undefined;
}

function pointProblem({ family, bound, below, count, hasSum, isNegative }: MetricPoint): string | undefined {
  const what = `a metric of the ${family.type} "${family.name}"`;
  if (bound !== Infinity) return `${what} has no bucket with le="+Inf"`;
  if (!Number.isNaN(count) && count !== below) return `${what} has another count than its bucket with le="+Inf"`;
  if (hasSum === Number.isNaN(count)) return `${what} has a sum without a count, or a count without a sum`;
  if (hasSum && isNegative && family.type === 'histogram') return `${what} has a sum beside buckets below 0`;
  return undefined;
}

function labelOf({ labels }: SampleKey, name: string): string | undefined {
  for (let at = 0; at < labels.length; at += 2) if (labels[at] === name) return labels[at + 1];
  return undefined;
}
