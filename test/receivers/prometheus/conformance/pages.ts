import type { Scraped } from '../scraped.ts';

/** A page that is taken, and every data point that it becomes, each as `shown` writes it. */
export interface GoodPage {
  readonly what: string;
  readonly page: string;
  readonly points: readonly string[];
}

/** A page that is refused as a whole, and what the error says. */
export interface BadPage {
  readonly what: string;
  readonly page: string | Uint8Array;
  readonly error: RegExp;
}

const OWN_RESOURCE = new Set(['service.name', 'service.instance.id', 'server.address', 'server.port', 'url.scheme']);

/**
 * A data point with everything OTLP says of it, in one line: kind, name, attributes, numbers, `from` (start) and `at` (time,
 * when it is not that of the scrape), exemplars, and behind a bar type, unit, help, scope and what the resource has besides the target.
 */
export function shown(point: Scraped, scrapeMs: number): string {
  const { name, attributes, startMs, timeMs, stale } = point;
  const time = (ms: number): string => (ms === scrapeMs ? 'now' : String(ms));
  return [
    kindOf(point),
    name + labelText(attributes),
    stale ? 'stale' : numbersOf(point),
    ...(startMs === 0 ? [] : [`from ${time(startMs)}`]),
    ...(timeMs === scrapeMs ? [] : [`at ${timeMs}`]),
    ...point.exemplars.map((exemplar) => exemplarText(exemplar, scrapeMs)),
    `| ${metadataOf(point)}`,
  ].join(' ');
}

function kindOf({ kind, isMonotonic }: Scraped): string {
  if (kind === 'sum') return isMonotonic ? 'counter' : 'state';
  return kind;
}

function numbersOf(point: Scraped): string {
  const { kind, value, count, sum, bucketCounts, bounds, quantiles } = point;
  const total = `count ${count}${sum === undefined ? '' : ` sum ${sum}`}`;
  switch (kind) {
    case 'histogram':
      return bucketCounts.length === 0 ? total : `${total} buckets ${bucketCounts.join(',')} up to ${bounds.join(',')}`;
    case 'summary':
      return [total, ...quantiles.map(([quantile, at]) => `q${quantile}=${at}`)].join(' ');
    case 'gauge':
    case 'sum':
    case 'exponentialHistogram':
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function metadataOf({ type, unit, description, scope, resource }: Scraped): string {
  const own = Object.entries(resource).filter(([key]) => !OWN_RESOURCE.has(key));
  const isScraper = scope.name === 'remora/receiver/prometheus';
  return [
    type,
    ...(unit === '' ? [] : [`unit ${unit}`]),
    ...(description === '' ? [] : [`help ${JSON.stringify(description)}`]),
    ...(isScraper ? [] : [`scope ${scope.name} ${scope.version}${labelText(scope.attributes)}`]),
    ...(own.length === 0 ? [] : [`resource ${labelText(Object.fromEntries(own))}`]),
  ].join(' ');
}

function exemplarText(exemplar: Readonly<Record<string, unknown>>, scrapeMs: number): string {
  const { timeUnixNano, asDouble, traceId, spanId, filteredAttributes } = exemplar;
  const ms = Number(BigInt(timeUnixNano as string) / 1_000_000n);
  const labels: Record<string, string> = {};
  for (const { key, value } of (filteredAttributes ?? []) as { key: string; value: { stringValue?: string } }[]) {
    labels[key] = value.stringValue ?? '';
  }
  const hex = (id: unknown): string => Buffer.from(id as string, 'base64').toString('hex');
  const trace = traceId === undefined || traceId === '' ? '' : ` trace ${hex(traceId)}`;
  const span = spanId === undefined || spanId === '' ? '' : ` span ${hex(spanId)}`;
  return `exemplar ${Number(asDouble)}${labelText(labels)}${trace}${span} at ${ms === scrapeMs ? 'now' : ms}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}}`;
}
