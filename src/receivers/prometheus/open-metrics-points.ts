import { parseNumber } from '../../core/go-number.ts';
import { grownRoom, longerFloat64, longerInt32, longerUint8 } from './columns.ts';
import type { Family, FamilyType } from './family.ts';
import type { SampleKey } from './sample-key.ts';

/** What one sample is among those of its metric, as the suffix of its name says; 0 is no place. */
type Role = number;
const VALUE = 1;
const BUCKET = 2;
const COUNT = 3;
const SUM = 4;
const QUANTILE = 5;
const OTHER = 6;

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

/** What a sample is; worked out when its line is seen for the first time. */
export interface PlacedSample {
  readonly role: Role;
  /** Of a bucket or quantile, else NaN. */
  readonly level: number;
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
  _bucket: BUCKET,
  _count: COUNT,
  _gcount: COUNT,
  _sum: SUM,
  _gsum: SUM,
  _created: OTHER,
};

/**
 * What OpenMetrics 1.0 demands of samples beyond their grammar (specification, "Metric types"): of their labels when they
 * are seen for the first time, of their values on every page. Text 0.0.4 has no such rules. Every method answers what is wrong, or
 * undefined. One exception is made: metrics of one family may be interleaved, because a widely used library does that.
 *
 * Entries are those of one EntryTable; an entry that another format brought has no place here and is not checked.
 */
export class OpenMetricsPoints {
  #roles = new Uint8Array(0);
  /** Number of the page that last held the entry, and its timestamp there in ms, NaN when it had none. */
  #pages = new Int32Array(0);
  #stamps: Float64Array | undefined;
  /** Bounds of buckets; undefined while there are none. */
  #levels: Float64Array | undefined;
  /** Of the samples of histograms, by entry. */
  readonly #points: (MetricPoint | undefined)[] = [];
  readonly #byNumber: (MetricPoint | undefined)[] = [];
  readonly #byKey = new Map<string, MetricPoint>();
  /** The family of each sample name. */
  readonly #names = new Map<string, { readonly name: string; readonly type: FamilyType }>();
  #touched: MetricPoint[] = [];

  beginPage(): void {
    this.#touched = [];
  }

  /** Takes the sample names of a new family; those of another one cannot be among them. */
  claim(name: string, type: FamilyType): string | undefined {
    for (const suffix of SUFFIXES[type]) {
      const other = this.#names.get(name + suffix);
      if (other === undefined) continue;
      if (other.name !== name) return `"${name}" and "${other.name}" both have samples "${name}${suffix}"`;
      // Families of one name may both say when they were created: each says so beside its samples.
      if (other.type !== type && suffix !== '_created')
        return `"${name}" has two types, ${other.type} and ${type}, which both have samples "${name}${suffix}"`;
    }
    for (const suffix of SUFFIXES[type]) this.#names.set(name + suffix, { name, type });
    return undefined;
  }

  /** The place of a sample that was not seen before, for `keep`; a string says what is wrong with its labels. */
  place(key: SampleKey, family: Family): PlacedSample | string {
    const suffix = key.name.slice(family.name.length);
    const { type } = family;
    if (type === 'stateset' && labelOf(key, family.name) === undefined) {
      return `a sample of state set "${family.name}" must have a label of that name`;
    }
    const role = type === 'summary' && suffix === '' ? QUANTILE : (ROLES[suffix] ?? VALUE);
    const levelLabel = role === BUCKET ? 'le' : role === QUANTILE ? 'quantile' : undefined;
    const level = levelLabel === undefined ? Number.NaN : (parseNumber(labelOf(key, levelLabel) ?? '') ?? Number.NaN);
    if (levelLabel !== undefined && Number.isNaN(level))
      return `"${key.name}" needs a number in its label "${levelLabel}"`;
    if (!isLevel(role, level)) return `a quantile is between 0 and 1, not ${level}`;
    return { role, level };
  }

  /** Bytes of memory held for each sample. */
  get bytes(): number {
    const perEntry = 5 + (this.#stamps === undefined ? 0 : 8) + (this.#levels === undefined ? 0 : 8);
    return this.#roles.length * perEntry + this.#points.length * 8;
  }

  /** Whether a sample that is known to be of this role may have this level. */
  mayHave(role: Role, level: number): boolean {
    return isLevel(role, level);
  }

  /**
   * Keeps what an entry is. Samples of a histogram are known to be of one metric by the number of its data point, by their
   * labels where that is below 0: always the one or always the other.
   */
  keep(entry: number, { role, level }: PlacedSample, family: Family, point: number, key: SampleKey): void {
    this.#keep(entry, role, level);
    if (isGroup(family)) this.#points[entry] = point < 0 ? this.#byLabels(key, family) : this.#numbered(point, family);
  }

  /** As `keep`, for a sample whose data point is known. */
  keepPlanned(entry: number, role: Role, level: number, family: Family, point: number): void {
    this.#keep(entry, role, level);
    if (isGroup(family)) this.#points[entry] = this.#numbered(point, family);
  }

  #keep(entry: number, role: Role, level: number): void {
    if (entry >= this.#roles.length) this.#grow(grownRoom(this.#roles.length, entry + 64));
    this.#roles[entry] = role;
    if (role !== BUCKET) return;
    this.#levels ??= new Float64Array(this.#roles.length);
    this.#levels[entry] = level;
  }

  #grow(room: number): void {
    this.#roles = longerUint8(this.#roles, room);
    this.#pages = longerInt32(this.#pages, room);
    if (this.#stamps !== undefined) this.#stamps = longerFloat64(this.#stamps, room, Number.NaN);
    if (this.#levels !== undefined) this.#levels = longerFloat64(this.#levels, room);
  }

  isBucket(entry: number): boolean {
    return this.#roles[entry] === BUCKET;
  }

  /** Whether page `number` held the series before, other than with an earlier timestamp. */
  isRepeated(entry: number, stamp: number, number: number): boolean {
    if ((this.#roles[entry] ?? 0) === 0) return false;
    const before = this.#stamps?.[entry] ?? Number.NaN;
    const repeated = this.#pages[entry] === number && !(stamp > before);
    this.#pages[entry] = number;
    if (!Number.isNaN(stamp)) this.#stamps ??= new Float64Array(this.#roles.length).fill(Number.NaN);
    if (this.#stamps !== undefined) this.#stamps[entry] = stamp;
    return repeated;
  }

  /** Checks a sample of page `number`. */
  sample(entry: number, family: Family, value: number, number: number): string | undefined {
    const role = this.#roles[entry] ?? 0;
    if (role === 0) return undefined;
    if (family.type === 'info' && value !== 1) return `the value of an info is 1, not ${value}`;
    if (family.type === 'stateset' && value !== 0 && value !== 1) return `a state is 0 or 1, not ${value}`;
    if (role === QUANTILE && value < 0) return 'the value of a quantile cannot be negative';
    if (role === SUM && family.type !== 'gaugehistogram' && !(value >= 0)) return 'a sum cannot be negative or NaN';
    if (role === COUNT && !(value >= 0)) return 'a count cannot be negative or NaN';
    const point = isGroup(family) ? this.#points[entry] : undefined;
    if (point === undefined) return undefined;
    if (point.page !== number) this.#begin(point, number);
    if (role === COUNT) point.count = value;
    else if (role === SUM) point.hasSum = true;
    else if (role === BUCKET) return bucketProblem(point, this.#levels?.[entry] ?? Number.NaN, value);
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

  #numbered(number: number, family: Family): MetricPoint {
    return (this.#byNumber[number] ??= newPoint(family));
  }

  #byLabels({ labels }: SampleKey, family: Family): MetricPoint {
    const pairs: string[] = [];
    for (let at = 0; at < labels.length; at += 2) {
      if (labels[at] !== 'le') pairs.push(JSON.stringify([labels[at], labels[at + 1]]));
    }
    const key = `${family.index} ${pairs.sort().join()}`;
    let point = this.#byKey.get(key);
    if (point === undefined) {
      point = newPoint(family);
      this.#byKey.set(key, point);
    }
    return point;
  }
}

function newPoint(family: Family): MetricPoint {
  return { family, page: 0, bound: 0, below: 0, count: 0, hasSum: false, isNegative: false };
}

function isGroup({ type }: Family): boolean {
  return type === 'histogram' || type === 'gaugehistogram';
}

function isLevel(role: Role, level: number): boolean {
  return role !== QUANTILE || (level >= 0 && level <= 1);
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
