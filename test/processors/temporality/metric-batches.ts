import { makeBatch, batchBytes, type Batch } from '../../../src/core/batch.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

export const DELTA = 1;
export const CUMULATIVE = 2;

/** Of one resource and scope. */
export function metricsBatch(...metrics: readonly PlainObject[]): Batch {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  const request = { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: 'test' }, metrics }] }] };
  const bytes = encodeRequest('metrics', request);
  return makeBatch('metrics', [bytes], countItems('metrics', bytes));
}

/** Attributes of strings. */
export function attributesOf(object: Readonly<Record<string, string>>): PlainObject[] {
  return Object.entries(object).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** A point of a sum; times in seconds. */
export function numberPoint(start: number, time: number, value: number, attributes: PlainObject[] = []): PlainObject {
  const number = Number.isInteger(value) ? { asInt: value } : { asDouble: value };
  return { startTimeUnixNano: nanos(start), timeUnixNano: nanos(time), attributes, ...number };
}

export function nanos(seconds: number): string {
  return String(BigInt(Math.round(seconds * 1000)) * 1_000_000n);
}

export function sum(name: string, temporality: number, ...dataPoints: readonly PlainObject[]): PlainObject {
  return { name, sum: { dataPoints, aggregationTemporality: temporality, isMonotonic: true } };
}

export function histogram(name: string, temporality: number, ...dataPoints: readonly PlainObject[]): PlainObject {
  return { name, histogram: { dataPoints, aggregationTemporality: temporality } };
}

export function exponential(name: string, temporality: number, ...dataPoints: readonly PlainObject[]): PlainObject {
  return { name, exponentialHistogram: { dataPoints, aggregationTemporality: temporality } };
}

const KINDS = ['sum', 'histogram', 'exponentialHistogram', 'gauge', 'summary'] as const;

export interface FoundPoint {
  readonly metric: string;
  readonly temporality: unknown;
  readonly point: PlainObject;
}

/** All points of the batches in order. */
export function pointsOf(batches: readonly Batch[]): FoundPoint[] {
  return batches.flatMap((batch) =>
    metricsOf(batch).flatMap((metric) =>
      KINDS.flatMap((kind) => {
        const data = metric[kind] as PlainObject | null | undefined;
        const points = (data?.['dataPoints'] ?? []) as PlainObject[];
        const temporality = data?.['aggregationTemporality'];
        return points.map((point) => ({ metric: String(metric['name']), temporality, point }));
      }),
    ),
  );
}

function metricsOf(batch: Batch): PlainObject[] {
  const request = decodeRequest('metrics', batchBytes(batch));
  const resources = request['resourceMetrics'] as { scopeMetrics: { metrics: PlainObject[] }[] }[];
  return resources.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
}

/** Of number points: start, time and value, times in seconds. */
export function shortly({ point }: FoundPoint): [start: number, time: number, value: number] {
  const value = point['asInt'] ?? point['asDouble'];
  return [seconds(point['startTimeUnixNano']), seconds(point['timeUnixNano']), Number(value)];
}

function seconds(nanosText: unknown): number {
  return Number(nanosText) / 1e9;
}
