import type * as PromClient from './prom-client.ts';
import type { Counter, Gauge, Registry as PromRegistry } from 'prom-client';
import type { MetricSpec } from '../core/meter.ts';
import type { Series } from './family.ts';
import type { Registry } from './registry.ts';

export interface Exposition {
  readonly contentType: string;
  /** The metrics as Prometheus text. */
  text(): Promise<string>;
}

/**
 * Formats the registry with prom-client, which is loaded when the first scrape comes. Counters end in `_total` unless
 * `withTypeSuffix` is false, as the Collector's `without_type_suffix` has it.
 */
export async function makeExposition(registry: Registry, options: { withTypeSuffix: boolean }): Promise<Exposition> {
  const prom = await import('./prom-client.ts');
  return {
    contentType: prom.Registry.PROMETHEUS_CONTENT_TYPE,
    async text() {
      const page = new prom.Registry();
      for (const { spec, series } of registry.families()) fill(prom, page, spec, series, options.withTypeSuffix);
      return page.metrics();
    },
  };
}

type Prom = typeof PromClient;

function fill(
  prom: Prom,
  page: PromRegistry,
  spec: MetricSpec,
  series: Iterable<Series>,
  withTypeSuffix: boolean,
): void {
  const { help, labels } = spec;
  const metric = { help, labelNames: [...labels], registers: [page] };
  switch (spec.kind) {
    case 'counter': {
      const name = withTypeSuffix ? `${spec.name}_total` : spec.name;
      const counter = new prom.Counter({ ...metric, name });
      for (const one of series) setCounter(counter, one);
      return;
    }
    case 'gauge': {
      const gauge = new prom.Gauge({ ...metric, name: spec.name });
      for (const one of series) setGauge(gauge, one);
      return;
    }
    case 'histogram':
      page.registerMetric(histogramPage(prom, spec, [...series]));
      return;
  }
}

function setCounter(counter: Counter, { labels, read }: Series): void {
  counter.inc({ ...labels }, Math.max(0, read()));
}

function setGauge(gauge: Gauge, { labels, read }: Series): void {
  gauge.set({ ...labels }, read());
}

/**
 * prom-client's histograms can only observe; ours counted already. A gauge whose `get` gives the finished values is the one
 * metric of prom-client that prints them as they are.
 */
function histogramPage(prom: Prom, spec: MetricSpec, series: readonly Series[]) {
  const options = { name: spec.name, help: spec.help, labelNames: [...spec.labels], registers: [] };
  const empty = new prom.Histogram(options);
  const page = new prom.Gauge(options);
  page.get = async () => ({
    ...(await empty.get()),
    values: series.flatMap((one) => histogramValues(spec.name, one)),
  });
  return page;
}

function histogramValues(name: string, { labels, histogram }: Series) {
  if (histogram === undefined) return [];
  let cumulative = 0;
  const buckets = histogram.counts.map((count, bucket) => {
    cumulative += count;
    const le = histogram.bounds[bucket] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { ...labels }, value: histogram.sum },
    { metricName: `${name}_count`, labels: { ...labels }, value: histogram.count },
  ];
}
