import type { Count, Distribution, Labels, Meter, MetricSpec } from '../core/meter.ts';
import { Family, type Series } from './family.ts';
import { Histogram } from './histogram.ts';

/**
 * The self metrics as plain numbers. Nothing here formats or copies until it is read.
 * Invariant: a metric name belongs to one spec, and its series are keyed by their label values in spec order. No metric has
 * more series than `Family` allows, whatever asks for them.
 */
export class Registry implements Meter {
  readonly #families = new Map<string, Family>();

  counter(spec: MetricSpec, labels: Labels): Count {
    return this.#family(spec).count(labels);
  }

  counterFrom(spec: MetricSpec, labels: Labels, read: () => number): void {
    this.#family(spec).read(labels, read);
  }

  gauge(spec: MetricSpec, labels: Labels, read: (() => number) | undefined): void {
    const family = this.#family(spec);
    if (read === undefined) family.remove(labels);
    else family.read(labels, read);
  }

  gaugeSeries(spec: MetricSpec, labels: Labels, read: () => Iterable<readonly [Labels, number]>): void {
    this.#family(spec).make(labels, read);
  }

  histogram(spec: MetricSpec, labels: Labels): Distribution {
    return this.#family(spec).histogram(labels, () => new Histogram(spec.buckets ?? []));
  }

  /** Makes the metric known before its first series exists. */
  declare(specs: readonly MetricSpec[]): void {
    for (const spec of specs) this.#family(spec);
  }

  *families(): Generator<{ readonly spec: MetricSpec; readonly series: Iterable<Series> }> {
    for (const family of this.#families.values()) yield { spec: family.spec, series: family.all() };
  }

  /** The value of one series, or undefined when there is none; for tests, the demo and the ledger print. */
  value(name: string, labels: Labels = {}): number | undefined {
    return this.#families.get(name)?.find(labels)?.read();
  }

  /** The sum over all series of a metric. */
  total(name: string): number {
    let total = 0;
    for (const { read } of this.#families.get(name)?.all() ?? []) total += read();
    return total;
  }

  /** By metric, series that there was no room for; metrics that had room are not among them. */
  *leftOut(): Generator<readonly [string, number]> {
    for (const [name, { leftOut }] of this.#families) if (leftOut > 0) yield [name, leftOut];
  }

  #family(spec: MetricSpec): Family {
    let family = this.#families.get(spec.name);
    if (family === undefined) this.#families.set(spec.name, (family = new Family(spec)));
    return family;
  }
}
