import assert from 'node:assert/strict';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import type { Processor } from '../../../src/core/component.ts';
import { countItems } from '../../../src/otlp/count.ts';
import { metricsTransformProcessor } from '../../../src/processors/metrics-transform/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { decodeRequest, encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';

export const never = new AbortController().signal;

export interface Bed {
  readonly processor: Processor;
  readonly next: CollectingConsumer;
  readonly context: ReturnType<typeof processorContext>;
}

export async function bed(transforms: readonly unknown[]): Promise<Bed> {
  const next = new CollectingConsumer();
  const parsed = metricsTransformProcessor.parse({ transforms });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const context = processorContext('metrics', next);
  return { processor: await parsed.prepared.create(context), next, context };
}

export function batchOf(...requests: readonly Uint8Array[]): Batch {
  return makeBatch(
    'metrics',
    requests,
    requests.reduce((items, bytes) => items + countItems('metrics', bytes), 0),
  );
}

/** What comes out of one request; undefined when nothing does. The ledger is checked. */
export async function transformBatch(transforms: readonly unknown[], input: Batch): Promise<Batch | undefined> {
  const { processor, next, context } = await bed(transforms);
  const verdict = await processor.consume(input, never);
  assert.equal(verdict.status, 'accepted');
  const { account } = context;
  account.received += input.items;
  account.passed += next.items;
  assert.equal(account.imbalance, 0, 'the ledger closes');
  const [output] = next.batches;
  if (output !== undefined) assert.equal(countItems('metrics', Buffer.concat(output.chunks)), output.items);
  return output;
}

/** The metrics of one scope, as they come out. */
export async function transform(transforms: readonly unknown[], metrics: readonly PlainObject[]): Promise<unknown> {
  const output = await transformBatch(transforms, batchOf(requestOf(metrics)));
  return output === undefined ? [] : metricsIn(Buffer.concat(output.chunks));
}

export function requestOf(metrics: readonly PlainObject[], resource: Record<string, string> = {}): Uint8Array {
  const scopeMetrics = [{ scope: { name: 'meter' }, metrics }];
  return encodeRequest('metrics', {
    resourceMetrics: [{ resource: { attributes: labelsOf(resource) }, scopeMetrics }],
  });
}

/** All metrics, in one order of their labels and with every default. */
export function metricsIn(request: Uint8Array): unknown[] {
  const { resourceMetrics } = normalized(request);
  return resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
}

/** What `metricsIn` makes of the same metrics, sent as they are. */
export function expected(metrics: readonly PlainObject[]): unknown[] {
  return metricsIn(requestOf(metrics));
}

export interface Normalized {
  readonly resourceMetrics: { resource: unknown; scopeMetrics: { metrics: PlainObject[] }[] }[];
}

export function normalized(request: Uint8Array): Normalized {
  return sortLabels(decodeRequest('metrics', request)) as Normalized;
}

function sortLabels(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sortLabels);
    const isLabels = items.length > 0 && items.every((item) => keyOf(item) !== undefined);
    return isLabels ? items.sort((a, b) => (keyOf(a)! < keyOf(b)! ? -1 : 1)) : items;
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sortLabels(inner)]));
}

function keyOf(item: unknown): string | undefined {
  return typeof item === 'object' && item !== null && 'key' in item ? String(item.key) : undefined;
}

// Metrics as tables write them.

export type Labels = Readonly<Record<string, unknown>>;

/** Texts are texts; anything else is an AnyValue. */
export function labelsOf(labels: Labels): PlainObject[] {
  return Object.entries(labels).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : value,
  }));
}

const times = (start: number, time: number) => ({ startTimeUnixNano: start, timeUnixNano: time });

export const int = (start: number, time: number, value: number | string, labels: Labels = {}): PlainObject => ({
  ...times(start, time),
  asInt: value,
  attributes: labelsOf(labels),
});

export const double = (start: number, time: number, value: number, labels: Labels = {}): PlainObject => ({
  ...times(start, time),
  asDouble: value,
  attributes: labelsOf(labels),
});

export interface Buckets {
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly min?: number;
  readonly max?: number;
  readonly exemplars?: readonly number[];
}

export const buckets = (start: number, time: number, of: Buckets, labels: Labels = {}): PlainObject => ({
  ...times(start, time),
  count: of.count,
  sum: of.sum,
  bucketCounts: [...of.counts],
  explicitBounds: [...of.bounds],
  ...(of.min === undefined ? {} : { min: of.min }),
  ...(of.max === undefined ? {} : { max: of.max }),
  exemplars: (of.exemplars ?? []).map((asDouble) => ({ asDouble, timeUnixNano: time })),
  attributes: labelsOf(labels),
});

export const gauge = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({ name, gauge: { dataPoints } });
export const sum = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({
  name,
  sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true },
});
export const deltaSum = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({
  name,
  sum: { dataPoints, aggregationTemporality: 1, isMonotonic: true },
});
export const histogram = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({
  name,
  histogram: { dataPoints, aggregationTemporality: 2 },
});
export const exponential = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({
  name,
  exponentialHistogram: { dataPoints, aggregationTemporality: 2 },
});
export const summary = (name: string, ...dataPoints: PlainObject[]): PlainObject => ({ name, summary: { dataPoints } });
