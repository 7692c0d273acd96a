import type { Count, Distribution, Labels, Meter, MetricSpec } from '../core/meter.ts';

export interface Series {
  readonly labels: Labels;
  /** Counters and gauges. */
  readonly read: () => number;
  /** Histograms. */
  readonly histogram?: Histogram;
}

interface Family {
  readonly spec: MetricSpec;
  readonly series: Map<string, Series>;
  readonly counts: Map<string, Count>;
  /** Series that are made up when they are read, by the labels that they share. */
  readonly made: Map<string, () => Iterable<Series>>;
}

/**
 * The self metrics as plain numbers. Nothing here formats or copies until it is read.
 * Invariant: a metric name belongs to one spec, and its series are keyed by their label values in spec order.
 */
export class Registry implements Meter {
  readonly #families = new Map<string, Family>();

  counter(spec: MetricSpec, labels: Labels): Count {
    const family = this.#family(spec);
    const key = keyOf(spec, labels);
    const known = family.counts.get(key);
    if (known !== undefined) return known;
    const count: Count = { value: 0 };
    family.counts.set(key, count);
    family.series.set(key, { labels, read: () => count.value });
    return count;
  }

  counterFrom(spec: MetricSpec, labels: Labels, read: () => number): void {
    this.#family(spec).series.set(keyOf(spec, labels), { labels, read });
  }

  gauge(spec: MetricSpec, labels: Labels, read: (() => number) | undefined): void {
    const { series } = this.#family(spec);
    if (read === undefined) series.delete(keyOf(spec, labels));
    else series.set(keyOf(spec, labels), { labels, read });
  }

  gaugeSeries(spec: MetricSpec, labels: Labels, read: () => Iterable<readonly [Labels, number]>): void {
    this.#family(spec).made.set(keyOf(spec, labels), () =>
      Array.from(read(), ([more, value]) => ({ labels: { ...labels, ...more }, read: () => value })),
    );
  }

  histogram(spec: MetricSpec, labels: Labels): Distribution {
    const { series } = this.#family(spec);
    const known = series.get(keyOf(spec, labels))?.histogram;
    if (known !== undefined) return known;
    const histogram = new Histogram(spec.buckets ?? []);
    series.set(keyOf(spec, labels), { labels, read: () => histogram.count, histogram });
    return histogram;
  }

  /** Makes the metric known before its first series exists. */
  declare(specs: readonly MetricSpec[]): void {
    for (const spec of specs) this.#family(spec);
  }

  *families(): Generator<{ readonly spec: MetricSpec; readonly series: Iterable<Series> }> {
    for (const family of this.#families.values()) yield { spec: family.spec, series: seriesOf(family) };
  }

  /** The value of one series, or undefined when there is none; for tests, the demo and the ledger print. */
  value(name: string, labels: Labels = {}): number | undefined {
    const family = this.#families.get(name);
    if (family === undefined) return undefined;
    const key = keyOf(family.spec, labels);
    const found = family.series.get(key) ?? madeBy(family).find((made) => keyOf(family.spec, made.labels) === key);
    return found?.read();
  }

  /** The sum over all series of a metric. */
  total(name: string): number {
    let total = 0;
    const family = this.#families.get(name);
    for (const { read } of family === undefined ? [] : seriesOf(family)) total += read();
    return total;
  }

  #family(spec: MetricSpec) {
    let family = this.#families.get(spec.name);
    if (family === undefined) {
      family = { spec, series: new Map(), counts: new Map(), made: new Map() };
      this.#families.set(spec.name, family);
    }
    return family;
  }
}

/** Counts per bucket; the last one is +Inf. */
export class Histogram implements Distribution {
  readonly bounds: readonly number[];
  readonly counts: number[];
  count = 0;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? Infinity)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.count += 1;
    this.sum += value;
  }
}

function seriesOf(family: Family): Series[] {
  return [...family.series.values(), ...madeBy(family)];
}

function madeBy({ made }: Family): Series[] {
  return Array.from(made.values(), (make) => [...make()]).flat();
}

function keyOf(spec: MetricSpec, labels: Labels): string {
  return spec.labels.map((label) => labels[label] ?? '').join('\u0001');
}
