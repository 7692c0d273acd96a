import { batchBytes, type Batch } from '../../../src/core/batch.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { ByteHash } from '../../../src/receivers/prometheus/byte-hash.ts';
import { PageBuffers } from '../../../src/receivers/prometheus/page-buffers.ts';
import { RequestWriter, type ReportSeries } from '../../../src/receivers/prometheus/request-writer.ts';
import { TargetSeries, type PageRules } from '../../../src/receivers/prometheus/target-series.ts';
import type { PageFormat } from '../../../src/receivers/prometheus/negotiation.ts';
import type { Target } from '../../../src/receivers/prometheus/target.ts';
import { decodeRequest } from '../../support/otlp-proto.ts';

/** One decoded data point with everything above it. */
export interface Scraped {
  readonly name: string;
  readonly kind: 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary';
  readonly description: string;
  readonly unit: string;
  readonly type: string;
  readonly isMonotonic: boolean;
  readonly resource: Record<string, string>;
  readonly scope: { name: string; version: string; attributes: Record<string, string> };
  readonly attributes: Record<string, string>;
  readonly value: number | undefined;
  readonly stale: boolean;
  readonly startMs: number;
  readonly timeMs: number;
  readonly count: number | undefined;
  readonly sum: number | undefined;
  readonly bucketCounts: number[];
  readonly bounds: number[];
  readonly quantiles: [number, number][];
  readonly exemplars: Json[];
  readonly exponential: Exponential;
}

export interface Exponential {
  readonly scale: number;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  readonly positive: DecodedBuckets;
  readonly negative: DecodedBuckets;
}

export interface DecodedBuckets {
  readonly offset: number;
  readonly counts: number[];
}

type Json = Record<string, unknown>;

function list(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

function record(value: unknown): Json {
  return (value ?? {}) as Json;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function pairs(value: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of list(value)) {
    const any = record(pair['value']);
    found[String(pair['key'])] = text(any['stringValue'] ?? any['intValue']);
  }
  return found;
}

function ms(nanos: unknown): number {
  return nanos === undefined ? 0 : Number(BigInt(text(nanos)) / 1000n) / 1000;
}

function decodedBuckets(value: unknown): DecodedBuckets {
  const { offset, bucketCounts } = record(value);
  return { offset: Number(offset ?? 0), counts: ((bucketCounts ?? []) as unknown[]).map(Number) };
}

function optional(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : Number(value);
}

export function pointsOf(batch: Batch): Scraped[] {
  return pointsIn(batchBytes(batch));
}

/** Every data point of an ExportMetricsServiceRequest. */
export function pointsIn(bytes: Uint8Array): Scraped[] {
  const found: Scraped[] = [];
  const request = record(decodeRequest('metrics', bytes));
  for (const group of list(request['resourceMetrics'])) {
    const resource = pairs(record(group['resource'])['attributes']);
    for (const scoped of list(group['scopeMetrics'])) {
      const scope = record(scoped['scope']);
      for (const metric of list(scoped['metrics'])) {
        for (const kind of ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const) {
          const data = record(metric[kind]);
          for (const point of list(data['dataPoints'])) {
            found.push({
              name: String(metric['name']),
              kind,
              description: text(metric['description']),
              unit: text(metric['unit']),
              type: pairs(metric['metadata'])['prometheus.type'] ?? '',
              isMonotonic: data['isMonotonic'] === true,
              resource,
              scope: {
                name: text(scope['name']),
                version: text(scope['version']),
                attributes: pairs(scope['attributes']),
              },
              attributes: pairs(point['attributes']),
              value: optional(point['asDouble']),
              stale: point['flags'] === 1,
              startMs: ms(point['startTimeUnixNano']),
              timeMs: ms(point['timeUnixNano']),
              count: optional(point['count']),
              sum: optional(point['sum']),
              bucketCounts: (point['bucketCounts'] as unknown[] | undefined)?.map(Number) ?? [],
              bounds: (point['explicitBounds'] as number[] | undefined) ?? [],
              quantiles: list(point['quantileValues']).map((at) => [
                Number(at['quantile'] ?? 0),
                Number(at['value'] ?? 0),
              ]),
              exemplars: list(point['exemplars']),
              exponential: {
                scale: Number(point['scale'] ?? 0),
                zeroCount: Number(point['zeroCount'] ?? 0),
                zeroThreshold: Number(point['zeroThreshold'] ?? 0),
                positive: decodedBuckets(point['positive']),
                negative: decodedBuckets(point['negative']),
              },
            });
          }
        }
      }
    }
  }
  return found;
}

export const TARGET: Target = {
  url: new URL('http://127.0.0.1:9100/metrics'),
  job: 'shop',
  instance: '127.0.0.1:9100',
  labels: [],
  externalLabels: [],
  intervalMs: 60_000,
  timeoutMs: 10_000,
};

const RULES: PageRules = {
  honorLabels: false,
  relabel: [],
  legacyNames: false,
  nativeHistograms: true,
  alwaysClassic: false,
  honorTimestamps: true,
  trackTimestamps: false,
  sampleLimit: 0,
  labelLimit: 0,
  labelNameLengthLimit: 0,
  labelValueLengthLimit: 0,
};

/** A target whose pages are given as text. */
export class PagedTarget {
  readonly series: TargetSeries;

  constructor(rules: Partial<PageRules> = {}, target: Partial<Target> = {}) {
    const writer = new RequestWriter({ name: 'scraper', version: '1' }, new PageBuffers());
    const hash = new ByteHash(seededRandom('pages'));
    this.series = new TargetSeries({ ...TARGET, ...target }, { ...RULES, ...rules }, writer, hash);
  }

  read(page: string | Uint8Array, format: PageFormat = 'text'): void {
    const bytes = Buffer.from(page);
    this.series.read(Buffer.concat([bytes, Buffer.alloc(1)]), bytes.length, format);
  }

  /** Reads a page at `timeMs` and returns its points; `take` is whether the pipeline accepted them. */
  scrape(page: string | Uint8Array, timeMs = 1000, format: PageFormat = 'text', take = true): Scraped[] {
    this.read(page, format);
    return this.write(timeMs, take);
  }

  write(timeMs: number, take = true, report: readonly ReportSeries[] = []): Scraped[] {
    const { batch } = this.series.batch(timeMs, report);
    if (take) this.series.accepted();
    const points = pointsOf(batch);
    if (points.length !== batch.items) throw new Error(`${batch.items} items announced, ${points.length} written`);
    return points;
  }

  proto(page: Uint8Array, timeMs = 1000): Scraped[] {
    return this.scrape(page, timeMs, 'protobuf');
  }

  openMetrics(page: string, timeMs = 1000): Scraped[] {
    return this.scrape(page, timeMs, 'openmetrics');
  }
}

/** The one point called `name`. */
export function only(points: readonly Scraped[], name: string): Scraped {
  const [point, ...others] = points.filter((candidate) => candidate.name === name);
  if (point === undefined || others.length > 0) throw new Error(`${others.length + (point ? 1 : 0)} points "${name}"`);
  return point;
}
