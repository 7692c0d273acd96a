import { batchBytes, makeBatch, type Batch } from '../../src/core/batch.ts';
import { decodeRequest, encodeRequest, type PlainObject } from './otlp-proto.ts';

export type PointKind = 'sum' | 'level' | 'gauge' | 'histogram' | 'exponential' | 'summary';
export type Temporality = 'delta' | 'cumulative';

/** A data point as tests write and read it. Times are whole nanoseconds; values whole numbers. */
export interface MetricPoint {
  readonly metric: string;
  readonly kind: PointKind;
  readonly temporality: Temporality;
  readonly resource: Readonly<Record<string, string>>;
  /** In the order in which they are written. Values that are `true` are booleans. */
  readonly attributes: readonly (readonly [string, string | true])[];
  readonly start: number;
  readonly time: number;
  /** Of numbers the value, of everything else the count. */
  readonly value: number;
  /** Of histograms and summaries. */
  readonly sum?: number;
  /** Of histograms by bucket, of exponential ones by index from 0 on. */
  readonly buckets?: readonly number[];
  readonly bounds?: readonly number[];
  readonly isStale?: boolean;
  readonly isDouble?: boolean;
}

const TEMPORALITY = { delta: 1, cumulative: 2 } as const;

/** One request; neighbours of the same resource and metric share a Metric. */
export function metricBatch(points: readonly MetricPoint[]): Batch {
  const resources: { key: string; metrics: { key: string; points: MetricPoint[] }[] }[] = [];
  for (const point of points) {
    const resource = JSON.stringify(point.resource);
    const metric = `${point.metric} ${point.kind} ${point.temporality}`;
    let into = resources.at(-1);
    if (into?.key !== resource) resources.push((into = { key: resource, metrics: [] }));
    const last = into.metrics.at(-1);
    if (last?.key === metric) last.points.push(point);
    else into.metrics.push({ key: metric, points: [point] });
  }
  const resourceMetrics = resources.map(({ key, metrics }) => ({
    resource: { attributes: Object.entries(JSON.parse(key) as Record<string, string>).map(textAttribute) },
    scopeMetrics: [{ scope: { name: 'test' }, metrics: metrics.map(({ points: own }) => metricOf(own)) }],
  }));
  return makeBatch('metrics', [encodeRequest('metrics', { resourceMetrics })], points.length);
}

function textAttribute([key, stringValue]: readonly [string, string]): PlainObject {
  return { key, value: { stringValue } };
}

function metricOf(points: readonly MetricPoint[]): PlainObject {
  const [first] = points;
  if (first === undefined) throw new Error('A metric needs a point.');
  const aggregationTemporality = TEMPORALITY[first.temporality];
  const dataPoints = points.map(pointOf);
  const name = first.metric;
  switch (first.kind) {
    case 'gauge':
      return { name, gauge: { dataPoints } };
    case 'sum':
      return { name, sum: { dataPoints, aggregationTemporality, isMonotonic: true } };
    case 'level':
      return { name, sum: { dataPoints, aggregationTemporality } };
    case 'histogram':
      return { name, histogram: { dataPoints, aggregationTemporality } };
    case 'exponential':
      return { name, exponentialHistogram: { dataPoints, aggregationTemporality } };
    case 'summary':
      return { name, summary: { dataPoints } };
  }
}

function pointOf(point: MetricPoint): PlainObject {
  const attributes = point.attributes.map(([key, value]) => ({
    key,
    value: value === true ? { boolValue: true } : { stringValue: value },
  }));
  const around = {
    attributes,
    startTimeUnixNano: point.start,
    timeUnixNano: point.time,
    ...(point.isStale === true ? { flags: 1 } : {}),
  };
  if (point.isStale === true) return around;
  const { value, sum, buckets = [], bounds = [] } = point;
  switch (point.kind) {
    case 'histogram':
      return {
        ...around,
        count: value,
        bucketCounts: buckets,
        explicitBounds: bounds,
        ...(sum === undefined ? {} : { sum }),
      };
    case 'exponential':
      return { ...around, count: value, positive: { bucketCounts: buckets }, ...(sum === undefined ? {} : { sum }) };
    case 'summary':
      return { ...around, count: value, sum };
    case 'sum':
    case 'level':
    case 'gauge':
      return { ...around, ...(point.isDouble === true ? { asDouble: value } : { asInt: value }) };
  }
}

/** All points of a batch, in order; attributes sorted by key. */
export function pointsIn(batch: Batch | undefined): MetricPoint[] {
  if (batch === undefined) return [];
  const request = decodeRequest('metrics', batchBytes(batch)) as { resourceMetrics: DecodedResource[] };
  return request.resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap((metric) => pointsOf(metric, attributesOf(resource.attributes))),
    ),
  );
}

interface DecodedAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly boolValue?: boolean };
}
interface DecodedPoint {
  readonly attributes: readonly DecodedAttribute[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly flags: number;
  readonly asInt?: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
  readonly positive?: { readonly offset: number; readonly bucketCounts: readonly string[] } | null;
}
interface DecodedData {
  readonly dataPoints: readonly DecodedPoint[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}
interface DecodedMetric {
  readonly name: string;
  readonly gauge?: DecodedData;
  readonly sum?: DecodedData;
  readonly histogram?: DecodedData;
  readonly exponentialHistogram?: DecodedData;
  readonly summary?: DecodedData;
}
interface DecodedResource {
  readonly resource: { readonly attributes: readonly DecodedAttribute[] };
  readonly scopeMetrics: readonly { readonly metrics: readonly DecodedMetric[] }[];
}

function attributesOf(attributes: readonly DecodedAttribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? '']));
}

function pointsOf(metric: DecodedMetric, resource: Record<string, string>): MetricPoint[] {
  const [kind, data] = dataOf(metric);
  const temporality = data.aggregationTemporality === TEMPORALITY.delta ? 'delta' : 'cumulative';
  return data.dataPoints.map((point) => {
    const positive = point.positive ?? undefined;
    const empty = new Array<string>(Math.max(0, positive?.offset ?? 0)).fill('0');
    const buckets = positive === undefined ? point.bucketCounts : [...empty, ...positive.bucketCounts];
    return {
      metric: metric.name,
      kind,
      temporality,
      resource,
      attributes: point.attributes
        .map(({ key, value }) => [key, value.boolValue === true ? true : (value.stringValue ?? '')] as const)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
      start: Number(point.startTimeUnixNano),
      time: Number(point.timeUnixNano),
      value: Number(point.count ?? point.asInt ?? point.asDouble ?? 0),
      ...(point.sum === undefined ? {} : { sum: point.sum }),
      ...(buckets === undefined ? {} : { buckets: buckets.map(Number) }),
      ...(kind === 'histogram' ? { bounds: point.explicitBounds ?? [] } : {}),
      ...((point.flags & 1) === 1 ? { isStale: true } : {}),
    };
  });
}

function dataOf(metric: DecodedMetric): [PointKind, DecodedData] {
  if (metric.gauge !== undefined) return ['gauge', metric.gauge];
  if (metric.sum !== undefined) return [metric.sum.isMonotonic === true ? 'sum' : 'level', metric.sum];
  if (metric.histogram !== undefined) return ['histogram', metric.histogram];
  if (metric.exponentialHistogram !== undefined) return ['exponential', metric.exponentialHistogram];
  return ['summary', metric.summary ?? { dataPoints: [] }];
}

/** Which series a point is of: one text for the same resource, metric and attributes in any order. */
export function seriesOf({ resource, metric, kind, temporality, attributes }: MetricPoint): string {
  const sorted = attributes.map(([key, value]) => `${key}=${value}`).sort();
  return JSON.stringify([resource, metric, kind, temporality, sorted]);
}

export function isOverflow({ attributes }: MetricPoint): boolean {
  return attributes.some(([key, value]) => key === 'otel.metric.overflow' && value === true);
}
