import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { seededRandom, type Random } from '../../../src/core/random.ts';
import { disorder, mutate, pick, randomRequest } from '../../fuzz/random-request.ts';
import { encodeRequest, requestType, type PlainObject } from '../../support/otlp-proto.ts';
import { batchOf, bed, labelsOf, metricsIn, never, normalized, transformBatch, type Normalized } from './bed.ts';
import { kindOf, pointsOf, transformed, type Operation, type Transform } from './reference.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 400);

const NAMES = ['http.requests', 'http.errors', 'db.calls', 'queue'];
const VALUES = ['x', 'y', 'z', ''];
const TYPES = ['sum', 'mean', 'min', 'max', 'count', 'median'];

// Requests

function randomLabels(random: Random): PlainObject[] {
  const labels: Record<string, unknown> = {};
  for (const label of ['a', 'b', 'c']) {
    if (random() < 0.7) labels[label] = random() < 0.1 ? { intValue: '7' } : pick(VALUES, random);
  }
  const list = labelsOf(labels);
  return random() < 0.5 ? list : list.reverse();
}

function randomPoint(kind: string, random: Random): PlainObject {
  const quarters = (): number => Math.floor(random() * 40 - 10) / 4;
  const point: PlainObject = {
    attributes: randomLabels(random),
    startTimeUnixNano: pick(['0', '1', '1544712660300000000'], random),
    timeUnixNano: pick(['1544712660300000001', '1544712660300000002'], random),
    flags: kind !== 'summary' && random() < 0.05 ? 1 : 0,
    exemplars: random() < 0.2 ? [{ asDouble: quarters(), timeUnixNano: '5', traceId: new Uint8Array(16).fill(1) }] : [],
  };
  if (kind === 'gauge' || kind === 'sum') {
    if (random() < 0.3) return { ...point, asDouble: quarters() };
    return { ...point, asInt: pick(['0', '1', '-3', '9007199254740993', '17'], random) };
  }
  const counts = (length: number): number[] => Array.from({ length }, () => Math.floor(random() * 4));
  if (kind === 'summary') return { ...point, count: 3, sum: 1.5, quantileValues: [{ quantile: 0.5, value: 1 }] };
  const whole = { count: Math.floor(random() * 5), ...(random() < 0.9 ? { sum: quarters() } : {}) };
  const extremes = random() < 0.7 ? { min: quarters(), max: quarters() } : {};
  if (kind === 'histogram') {
    const bounds = pick([[1, 2], [1, 3], []], random);
    return { ...point, ...whole, ...extremes, explicitBounds: bounds, bucketCounts: counts(bounds.length + 1) };
  }
  const side = (): PlainObject => ({ offset: Math.floor(random() * 9) - 4, bucketCounts: [1, ...counts(3), 1] });
  const sides = { ...(random() < 0.9 ? { positive: side() } : {}), ...(random() < 0.3 ? { negative: side() } : {}) };
  return { ...point, ...whole, ...extremes, ...sides, scale: pick([0, 1, 3], random), zeroCount: 2 };
}

function randomMetric(random: Random): PlainObject {
  const kind = pick(['gauge', 'sum', 'sum', 'histogram', 'exponentialHistogram', 'summary'], random);
  const dataPoints = Array.from({ length: Math.floor(random() * 8) }, () => randomPoint(kind, random));
  const temporality = kind === 'gauge' || kind === 'summary' ? {} : { aggregationTemporality: pick([1, 2], random) };
  const monotonic = kind === 'sum' ? { isMonotonic: random() < 0.8 } : {};
  return {
    name: pick(NAMES, random),
    description: 'd',
    unit: random() < 0.8 ? 's' : 'ms',
    [kind]: { dataPoints, ...temporality, ...monotonic },
  };
}

const some = <T>(most: number, random: Random, make: () => T): T[] =>
  Array.from({ length: Math.floor(random() * (most + 1)) }, make);

/** One request for each resource, as batches have them. */
function randomRequests(random: Random): PlainObject[] {
  return some(3, random, () => ({
    resourceMetrics: [
      {
        resource: { attributes: labelsOf({ 'service.name': pick(['shop', 'cart'], random) }) },
        scopeMetrics: some(2, random, () => ({
          scope: { name: 'meter', version: '1' },
          metrics: some(4, random, () => randomMetric(random)),
          schemaUrl: 'https://example.com/1.0',
        })),
      },
    ],
  }));
}

// Transforms

function randomOperation(random: Random): Operation {
  const label = pick(['a', 'b', 'c', 'd'], random);
  const type = pick(TYPES, random);
  switch (pick(['add', 'update', 'delete', 'toggle', 'scale', 'labels', 'labels', 'values'], random)) {
    case 'add':
      return { action: 'add_label', new_label: label, new_value: 'new' };
    case 'update': {
      const newLabel = pick(['', 'a', 'd'], random);
      const actions = random() < 0.5 ? [{ value: 'x', new_value: 'z' }] : [{ value: '', new_value: 'none' }];
      return {
        action: 'update_label',
        label,
        ...(newLabel === label ? {} : { new_label: newLabel }),
        value_actions: actions,
      };
    }
    case 'delete':
      return { action: 'delete_label_value', label, label_value: pick(VALUES, random) };
    case 'toggle':
      return { action: 'toggle_scalar_data_type' };
    case 'scale':
      return { action: 'experimental_scale_value', experimental_scale: pick([2, 0.5, 10, -1], random) };
    case 'values':
      return {
        action: 'aggregate_label_values',
        label,
        aggregated_values: ['x', 'y'],
        new_value: 'xy',
        aggregation_type: type,
      };
    default:
      return { action: 'aggregate_labels', label_set: pick([[], ['a'], ['a', 'b']], random), aggregation_type: type };
  }
}

function randomTransform(random: Random): Transform {
  const action = pick(['update', 'update', 'insert', 'combine', 'group'] as const, random);
  const isRegexp = action === 'combine' || random() < 0.4;
  const include = isRegexp ? pick(['^http\\.(.+)$', 'db', '(q)(ueue)|none', '.'], random) : pick(NAMES, random);
  const labels =
    random() < 0.4
      ? { [pick(['a', 'b', 'd'], random)]: isRegexp ? pick(['^x|y$', '^$'], random) : pick(VALUES, random) }
      : {};
  const match: Transform = {
    include,
    match_type: isRegexp ? 'regexp' : 'strict',
    experimental_match_labels: labels,
    action,
  };
  if (action === 'group') return { ...match, group_resource_labels: { group: 'g', 'service.name': 'new' } };
  const newName = include === '^http\\.(.+)$' && action !== 'combine' ? 'web.${1}' : 'renamed';
  const named = action !== 'update' || random() < 0.5 ? { new_name: newName } : {};
  const combining =
    action === 'combine'
      ? { aggregation_type: pick(TYPES, random), ...(random() < 0.5 ? { submatch_case: 'upper' as const } : {}) }
      : {};
  return { ...match, ...named, ...combining, operations: some(3, random, () => randomOperation(random)) };
}

// Comparing

/** Buckets by their numbers: how many of those without values are written is no difference. */
function withBuckets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBuckets);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const object = value as PlainObject;
  const entries = Object.entries(object).map(([key, inner]) => [key, withBuckets(inner)] as const);
  const copy = Object.fromEntries(entries);
  for (const sign of ['positive', 'negative']) {
    if (!('zeroCount' in object)) continue;
    const side = object[sign] as { offset: number; bucketCounts: string[] } | null | undefined;
    copy[sign] = (side?.bucketCounts ?? []).flatMap((count, at) =>
      count === '0' ? [] : [[(side?.offset ?? 0) + at, count]],
    );
  }
  return copy;
}

async function outcome(transforms: readonly Transform[], requests: readonly Uint8Array[]): Promise<unknown> {
  const output = await transformBatch(transforms, batchOf(...requests));
  return withBuckets(output === undefined ? { resourceMetrics: [] } : normalized(Buffer.concat(output.chunks)));
}

test(`what random transforms make of random requests is what a slow model makes of them (${RUNS} runs)`, async () => {
  const seed = process.env['FUZZ_SEED'] ?? 'metrics-transform';
  for (let run = 0; run < RUNS; run++) {
    const random = seededRandom(`${seed}-${run}`);
    const requests = randomRequests(random).map((request) => encodeRequest('metrics', request));
    const transforms = [randomTransform(random), ...some(2, random, () => randomTransform(random))];
    const model = transformed(normalized(Buffer.concat(requests)), transforms);
    const wanted = withBuckets(normalized(encodeRequest('metrics', model as unknown as PlainObject)));
    const told = `run ${run}: ${JSON.stringify(transforms)}`;
    assert.deepEqual(await outcome(transforms, requests), wanted, told);
    // Fields that nobody knows, inside of a value, make it another one: points would not come together.
    if (/aggregate|combine/.test(told)) continue;
    const disordered = requests.map((request) => disorder(requestType('metrics'), request, random));
    assert.deepEqual(await outcome(transforms, disordered), wanted, `${told}, disordered`);
  }
});

test('damaged requests are rejected or taken, and nothing of them is in the next', async () => {
  for (let run = 0; run < RUNS / 4; run++) {
    const random = seededRandom(`damaged-${run}`);
    const transforms = [randomTransform(random), randomTransform(random)];
    const { processor, next } = await bed(transforms);
    const whole = batchOf(...randomRequests(random).map((request) => encodeRequest('metrics', request)));
    await processor.consume(whole, never);
    const [before] = next.batches.map(({ chunks }) => Buffer.concat(chunks));
    for (const source of [...whole.chunks, randomRequest('metrics', random)]) {
      const { status } = await processor.consume(makeBatch('metrics', [mutate(source, random)], 1), never);
      assert.ok(status === 'accepted' || status === 'rejected', status);
    }
    next.batches.length = 0;
    await processor.consume(whole, never);
    const [after] = next.batches.map(({ chunks }) => Buffer.concat(chunks));
    assert.deepEqual(after, before, `run ${run}: ${JSON.stringify(transforms)}`);
  }
});

/** What points add up to, by metric and kind. */
function totals(request: Uint8Array): Map<string, unknown> {
  const sums = new Map<string, { ints: bigint; doubles: number; counts: bigint; buckets: bigint }>();
  for (const metric of metricsIn(request) as PlainObject[]) {
    const key = `${String(metric.name)} ${kindOf(metric) ?? ''}`;
    const total = sums.get(key) ?? { ints: 0n, doubles: 0, counts: 0n, buckets: 0n };
    for (const point of pointsOf(metric)) {
      if (point.flags === 1) continue;
      total.ints += BigInt(point.asInt ?? 0);
      total.doubles += point.asDouble ?? 0;
      total.counts += BigInt(point.count ?? 0) + BigInt(point.zeroCount ?? 0);
      for (const counts of [point.bucketCounts, point.positive?.bucketCounts, point.negative?.bucketCounts]) {
        for (const count of counts ?? []) total.buckets += BigInt(count);
      }
    }
    sums.set(key, total);
  }
  return sums;
}

/** Points of one type of value, so that what is exact stays so. */
function integersOnly(request: PlainObject): PlainObject {
  for (const { scopeMetrics } of (request as unknown as Normalized).resourceMetrics) {
    for (const { metrics } of scopeMetrics) {
      for (const point of metrics.flatMap(pointsOf)) {
        if (point.asDouble === undefined) continue;
        point.asInt = String(Math.trunc(point.asDouble * 4));
        delete point.asDouble;
      }
    }
  }
  return request;
}

test('aggregating labels away by their sum keeps every total', async () => {
  for (let run = 0; run < RUNS; run++) {
    const random = seededRandom(`totals-${run}`);
    const requests = randomRequests(random).map((request) => encodeRequest('metrics', integersOnly(request)));
    const label_set = pick([[], ['a'], ['b', 'c']], random);
    const operations = [{ action: 'aggregate_labels', label_set, aggregation_type: 'sum' }];
    const output = await transformBatch(
      [{ include: '.*', match_type: 'regexp', action: 'update', operations }],
      batchOf(...requests),
    );
    assert.deepEqual(totals(Buffer.concat(output?.chunks ?? [])), totals(Buffer.concat(requests)), `run ${run}`);
  }
});
