import { keptText } from '../core/kept-text.ts';
import type { Count, Labels, MetricSpec } from '../core/meter.ts';
import type { Histogram } from './histogram.ts';

/** Series of one of our own metrics, as many as an SDK gives to an instrument; see `Family`. */
export const SERIES_LIMIT = 2000;
/** A label value has no more characters; what is beyond is cut off. */
export const LABEL_LIMIT = 1024;
const OTHER = '_other';

export interface Series {
  readonly labels: Labels;
  /** Counters and gauges. */
  readonly read: () => number;
  /** Histograms. */
  readonly histogram?: Histogram;
}

/**
 * One of our own metrics and its series: the last guard, behind the bounds that components have themselves, so that nothing
 * that is received can make series without end, here or in whatever scrapes us.
 *
 * Invariants: there are at most `SERIES_LIMIT` series, and one whose labels all are `_other`. Who asks for a further count or
 * histogram gets that one, so that totals stay right. A further value that lives elsewhere is left out, because values such
 * as ages cannot be added up, and counted in `leftOut`.
 */
export class Family {
  readonly spec: MetricSpec;
  /** Values that there was no room for. */
  #refused = 0;
  /** Of those that are made up, when the metric was last read. */
  #cut = 0;
  readonly #series = new Map<string, Series>();
  readonly #counts = new Map<string, Count>();
  /** Series that are made up when they are read, by the labels that they share. */
  readonly #made = new Map<string, () => Iterable<readonly [Labels, number]>>();

  constructor(spec: MetricSpec) {
    this.spec = spec;
  }

  get leftOut(): number {
    return this.#refused + this.#cut;
  }

  count(labels: Labels): Count {
    const key = this.#roomFor(labels);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count: Count = { value: 0 };
    this.#counts.set(key, count);
    this.#series.set(key, { labels: this.#labelsOf(key, labels), read: () => count.value });
    return count;
  }

  histogram(labels: Labels, make: () => Histogram): Histogram {
    const key = this.#roomFor(labels);
    const known = this.#series.get(key)?.histogram;
    if (known !== undefined) return known;
    const histogram = make();
    this.#series.set(key, { labels: this.#labelsOf(key, labels), read: () => histogram.count, histogram });
    return histogram;
  }

  /** A value that lives elsewhere. */
  read(labels: Labels, read: () => number): void {
    const key = this.#keyOf(labels);
    if (this.#series.has(key) || this.#series.size < SERIES_LIMIT) {
      this.#series.set(key, { labels: bounded(labels), read });
    } else this.#refused += 1;
  }

  remove(labels: Labels): void {
    this.#series.delete(this.#keyOf(labels));
  }

  make(labels: Labels, rows: () => Iterable<readonly [Labels, number]>): void {
    const key = this.#keyOf(labels);
    if (this.#made.has(key) || this.#made.size < SERIES_LIMIT) this.#made.set(key, withLabels(labels, rows));
    else this.#refused += 1;
  }

  all(): Series[] {
    const all = [...this.#series.values()];
    this.#cut = 0;
    for (const rows of this.#made.values()) {
      for (const [labels, value] of rows()) {
        if (all.length <= SERIES_LIMIT) all.push({ labels: bounded(labels), read: () => value });
        else this.#cut += 1;
      }
    }
    return all;
  }

  find(labels: Labels): Series | undefined {
    const key = this.#keyOf(labels);
    return this.#series.get(key) ?? this.all().find((made) => this.#keyOf(made.labels) === key);
  }

  /** The key of the series, or that of the one for all that there is no room for. */
  #roomFor(labels: Labels): string {
    const key = this.#keyOf(labels);
    if (this.#series.has(key) || this.#series.size < SERIES_LIMIT) return key;
    return this.#otherKey;
  }

  #labelsOf(key: string, labels: Labels): Labels {
    if (key !== this.#otherKey) return bounded(labels);
    return Object.fromEntries(this.spec.labels.map((label) => [label, OTHER]));
  }

  get #otherKey(): string {
    return this.spec.labels.map(() => OTHER).join(SEPARATOR);
  }

  #keyOf(labels: Labels): string {
    return this.spec.labels.map((label) => keptText(labels[label] ?? '', LABEL_LIMIT)).join(SEPARATOR);
  }
}

const SEPARATOR = '\u0001';

function withLabels(labels: Labels, rows: () => Iterable<readonly [Labels, number]>) {
  return (): (readonly [Labels, number])[] => Array.from(rows(), ([more, value]) => [{ ...labels, ...more }, value]);
}

/** Copied only where something is to be cut. */
function bounded(labels: Labels): Labels {
  if (!Object.values(labels).some((value) => value.length > LABEL_LIMIT)) return labels;
  return Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, keptText(value, LABEL_LIMIT)]));
}
