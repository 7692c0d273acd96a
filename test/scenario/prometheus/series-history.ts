import type { Scraped } from '../../receivers/prometheus/scraped.ts';

/** What became of the series of one job: by name and labels, then by number of the scrape. */
export type History = Map<string, Map<number, number>>;

/** As Prometheus shows it: `name{label="value",…}`, labels by name, bounds as numbers. */
export function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels)
    .filter(([label, value]) => label !== '__name__' && value !== '')
    .map(([label, value]) => [label, label === 'le' || label === 'quantile' ? String(numberOf(value)) : value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `${name}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`;
}

/** Numbers as Prometheus writes them. */
export function numberOf(text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

export function note(history: History, key: string, scrape: number, value: number): void {
  let values = history.get(key);
  if (values === undefined) history.set(key, (values = new Map<number, number>()));
  values.set(scrape, value);
}

/** Adds the series of Prometheus that a data point stands for, as they were at one scrape. */
export function notePoint(history: History, point: Scraped, scrape: number): void {
  if (point.stale) return;
  const {
    name,
    kind,
    attributes,
    resource,
    value = Number.NaN,
    count = 0,
    sum,
    bounds,
    bucketCounts,
    quantiles,
  } = point;
  const labels = {
    ...attributes,
    job: resource['service.name'] ?? '',
    instance: resource['service.instance.id'] ?? '',
  };
  const add = (suffix: string, more: Record<string, string>, number: number): void =>
    note(history, seriesKey(name + suffix, { ...labels, ...more }), scrape, number);
  if (kind === 'gauge' || kind === 'sum') {
    add('', {}, value);
    return;
  }
  add('_count', {}, count);
  if (sum !== undefined) add('_sum', {}, sum);
  for (const [quantile, at] of quantiles) add('', { quantile: String(quantile) }, at);
  let below = 0;
  for (const [at, inside] of bucketCounts.entries()) {
    below += inside;
    add('_bucket', { le: String(bounds[at] ?? Infinity) }, below);
  }
}
