import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import type { Logger } from '../../../src/core/logger.ts';
import { VERSION } from '../../../src/core/version.ts';
import { metricsTransformProcessor } from '../../../src/processors/metrics-transform/index.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { encodeRequest, type PlainObject } from '../../support/otlp-proto.ts';
import {
  batchOf,
  bed,
  buckets,
  deltaSum,
  double,
  expected,
  exponential,
  gauge,
  histogram,
  int,
  labelsOf,
  metricsIn,
  never,
  normalized,
  requestOf,
  sum,
  summary,
  transform,
  transformBatch,
} from './bed.ts';

const update = (include: string, ...operations: PlainObject[]) => [{ include, action: 'update', operations }];
const aggregate = (type: string, ...labels: string[]): PlainObject => ({
  action: 'aggregate_labels',
  label_set: labels,
  aggregation_type: type,
});
const rename = [{ include: 'old', action: 'update', new_name: 'new' }];

describe('metrics_transform on the wire', () => {
  it('passes a batch on as it is when no transform means any of its metrics', async () => {
    const input = batchOf(requestOf([gauge('other', int(1, 2, 3))]));
    assert.equal(await transformBatch(rename, input), input);
  });

  it('shares the chunks in which nothing changes', async () => {
    const [same, other] = [requestOf([gauge('other', int(1, 2, 3))]), requestOf([gauge('old', int(1, 2, 3))])];
    const output = await transformBatch(rename, batchOf(same, other));
    assert.equal(output?.chunks[0], same);
    assert.deepEqual(metricsIn(output.chunks[1]!), expected([gauge('new', int(1, 2, 3))]));
  });

  it('edits the name alone, byte for byte, also where it comes last or twice', async () => {
    const metric = Buffer.concat([
      Buffer.from([0x1a, 1, 0x73]), // unit
      Buffer.from([0x0a, 3, 0x62, 0x61, 0x64]), // name: bad, which the next one replaces
      Buffer.from([0x2a, 0]), // gauge
      Buffer.from([0x0a, 3, 0x6f, 0x6c, 0x64]), // name: old
      Buffer.from([0x9a, 0x06, 1, 0x78]), // field 99, which nobody knows
    ]);
    const inside = (field: number, content: Buffer): Buffer =>
      Buffer.concat([Buffer.from([(field << 3) | 2, content.length]), content]);
    const output = await transformBatch(rename, makeBatch('metrics', [inside(1, inside(2, inside(2, metric)))], 0));
    const renamed = Buffer.concat([
      Buffer.from([0x0a, 3, 0x6e, 0x65, 0x77]),
      Buffer.from([0x1a, 1, 0x73]),
      Buffer.from([0x2a, 0]),
      Buffer.from([0x9a, 0x06, 1, 0x78]),
    ]);
    assert.deepEqual(Buffer.concat(output!.chunks), inside(1, inside(2, inside(2, renamed))));
  });

  it('keeps what it does not know in points that it changes', async () => {
    const point = { ...int(1, 2, 3, { a: 'x' }), exemplars: [{ asInt: 4, traceId: new Uint8Array(16).fill(7) }] };
    const add = { action: 'add_label', new_label: 'version', new_value: 'remora {{version}}' };
    assert.deepEqual(
      await transform(update('m', add), [gauge('m', point)]),
      expected([gauge('m', { ...point, attributes: labelsOf({ a: 'x', version: `remora ${VERSION}` }) })]),
    );
  });
});

describe('metrics_transform and the ledger', () => {
  const metrics = [
    gauge('m', int(1, 2, 3, { a: 'x', b: '1' }), int(1, 2, 4, { a: 'x', b: '2' }), int(1, 2, 5, { a: 'gone', b: '3' })),
  ];
  const transforms = [
    { include: 'm', action: 'insert', new_name: 'copy' },
    ...update('m', { action: 'delete_label_value', label: 'a', label_value: 'gone' }, aggregate('sum', 'a')),
  ];

  it('books points that were deleted, aggregated and added', async () => {
    const { processor, next, context } = await bed(transforms);
    const verdict = await processor.consume(batchOf(requestOf(metrics)), never);
    const { account } = context;
    assert.equal(verdict.status, 'accepted');
    assert.deepEqual(
      [next.items, account.made, Object.fromEntries(account.dropped)],
      [4, 3, { filtered: 1, aggregated: 1 }],
    );
  });

  it('books nothing of what was not taken, and makes the same of it when it comes again', async () => {
    const { processor, next, context } = await bed(transforms);
    const input = batchOf(requestOf(metrics));
    let isFull = true;
    const retry = { status: 'retry', reason: new RemoraError('queue_full', 'Full.') } as const;
    next.answer = () => (isFull ? retry : { status: 'accepted', rejectedItems: 0 });
    assert.equal((await processor.consume(input, never)).status, 'retry');
    assert.deepEqual([context.account.made, context.account.droppedItems], [0, 0]);
    isFull = false;
    assert.equal((await processor.consume(input, never)).status, 'accepted');
    assert.deepEqual([context.account.made, context.account.droppedItems, next.items], [3, 2, 4]);
  });

  it('lets a batch of which nothing is left go', async () => {
    const all = update('m', { action: 'delete_label_value', label: 'a', label_value: 'x' });
    const { processor, next, context } = await bed(all);
    const verdict = await processor.consume(batchOf(requestOf([gauge('m', int(1, 2, 3, { a: 'x' }))])), never);
    assert.deepEqual([verdict.status, next.batches.length, context.account.droppedItems], ['accepted', 0, 1]);
  });

  it('rejects what is no message, and lets nothing of it into the next batch', async () => {
    const { processor, next } = await bed(transforms);
    const whole = requestOf(metrics);
    const cut = Buffer.from(whole);
    // The length of the last attribute's value runs past the end of its message.
    cut[cut.lastIndexOf(Buffer.from('gone')) - 1] = 0x7f;
    const verdict = await processor.consume(makeBatch('metrics', [cut], 3), never);
    assert.equal(verdict.status, 'rejected');
    await processor.consume(batchOf(whole), never);
    assert.deepEqual(next.items, 4);
  });
});

describe('metrics_transform that aggregates', () => {
  it('adds integers exactly, beyond what a double holds', async () => {
    const large = '9007199254740993';
    assert.deepEqual(
      await transform(update('m', aggregate('sum')), [
        sum('m', int(1, 2, large, { a: '1' }), int(1, 2, large, { a: '2' })),
      ]),
      expected([sum('m', int(1, 2, '18014398509481986'))]),
    );
  });

  it('goes on with doubles where integers end, and where there are doubles', async () => {
    const most = '9223372036854775807';
    assert.deepEqual(
      await transform(update('m', aggregate('sum', 'k')), [
        sum(
          'm',
          int(1, 2, most, { a: '1' }),
          int(1, 2, most, { a: '2' }),
          int(1, 2, 1, { k: 'x' }),
          double(1, 2, 0.5, { k: 'x', a: '3' }),
        ),
      ]),
      expected([sum('m', double(1, 2, 2 ** 64), double(1, 2, 1.5, { k: 'x' }))]),
    );
  });

  it('does not mind the order of labels, and tells a number from its text', async () => {
    const [first, second] = [
      int(1, 2, 1, { a: 'x', b: { intValue: '1' } }),
      int(1, 2, 2, { b: { intValue: '1' }, a: 'x' }),
    ];
    const text = int(1, 2, 4, { a: 'x', b: '1' });
    assert.deepEqual(
      await transform(update('m', aggregate('sum', 'a', 'b')), [gauge('m', first, second, text)]),
      expected([gauge('m', int(1, 2, 3, { a: 'x', b: { intValue: '1' } }), text)]),
    );
  });

  it('keeps points of other times apart, and with delta temporality those of other starts', async () => {
    const points = [int(1, 5, 1, { a: '1' }), int(2, 5, 2, { a: '2' }), int(2, 6, 4, { a: '3' })];
    assert.deepEqual(
      await transform(update('m', aggregate('sum')), [sum('m', ...points)]),
      expected([sum('m', int(1, 5, 3), int(2, 6, 4))]),
    );
    assert.deepEqual(
      await transform(update('m', aggregate('sum')), [deltaSum('m', ...points)]),
      expected([deltaSum('m', int(1, 5, 1), int(2, 5, 2), int(2, 6, 4))]),
    );
  });

  it('keeps histograms of other bounds apart, and the exemplars of all', async () => {
    const of = (bounds: readonly number[], exemplar: number) => ({
      count: 3,
      sum: 3,
      bounds,
      counts: [1, 1, 1],
      exemplars: [exemplar],
    });
    assert.deepEqual(
      await transform(update('m', aggregate('sum')), [
        histogram(
          'm',
          buckets(1, 2, of([1, 2], 1), { a: '1' }),
          buckets(1, 2, of([1, 3], 2), { a: '2' }),
          buckets(1, 2, of([1, 2], 3), { a: '3' }),
        ),
      ]),
      expected([
        histogram(
          'm',
          buckets(1, 2, { count: 6, sum: 6, bounds: [1, 2], counts: [2, 2, 2], exemplars: [1, 3] }),
          buckets(1, 2, of([1, 3], 2)),
        ),
      ]),
    );
  });

  it('adds exponential histograms of other scales and offsets', async () => {
    const point = (scale: number, offset: number, counts: readonly number[], label: string): PlainObject => ({
      startTimeUnixNano: 1,
      timeUnixNano: 2,
      count: counts.reduce((a, b) => a + b, 1),
      sum: 2,
      scale,
      zeroCount: 1,
      positive: { offset, bucketCounts: [...counts] },
      attributes: label === '' ? [] : labelsOf({ a: label }),
    });
    assert.deepEqual(
      await transform(update('m', aggregate('sum')), [
        exponential('m', point(1, 2, [1, 1, 1, 1], '1'), point(0, 3, [5], '2')),
      ]),
      expected([exponential('m', { ...point(0, 1, [2, 2, 5], ''), count: 11, sum: 4, zeroCount: 2 })]),
    );
  });

  it('leaves summaries as they are', async () => {
    const point = {
      timeUnixNano: 2,
      count: 3,
      sum: 4,
      quantileValues: [{ quantile: 0.5, value: 1 }],
      attributes: labelsOf({ a: '1' }),
    };
    const metrics = [summary('m', point, { ...point, attributes: labelsOf({ a: '2' }) })];
    assert.deepEqual(await transform(update('m', aggregate('sum')), metrics), expected(metrics));
  });

  it('says that a series has ended only when all of its members have', async () => {
    const ended = (label: string): PlainObject => ({
      startTimeUnixNano: 1,
      timeUnixNano: 2,
      flags: 1,
      attributes: labelsOf({ a: label, k: 'x' }),
    });
    const lone = { ...ended('3'), attributes: labelsOf({ a: '3', k: 'y' }) };
    assert.deepEqual(
      await transform(update('m', aggregate('count', 'k')), [
        sum('m', ended('1'), int(1, 2, 7, { a: '2', k: 'x' }), ended('3'), lone, {
          ...lone,
          attributes: labelsOf({ a: '4', k: 'y' }),
        }),
      ]),
      expected([sum('m', int(1, 2, 1, { k: 'x' }), { ...lone, attributes: labelsOf({ k: 'y' }) })]),
    );
  });

  it('holds thousands of series of one metric, in one order', async () => {
    const points = Array.from({ length: 20_000 }, (_, index) => int(1, 2, 1, { k: `${index % 5_000}`, a: `${index}` }));
    const result = await transform(update('m', aggregate('sum', 'k')), [sum('m', ...points)]);
    const whole = Array.from({ length: 5_000 }, (_, index) => int(1, 2, 4, { k: `${index}` }));
    assert.deepEqual(result, expected([sum('m', ...whole)]));
  });
});

describe('metrics_transform that changes values', () => {
  const toggle = update('m', { action: 'toggle_scalar_data_type' });
  const scale = (factor: number) => update('m', { action: 'experimental_scale_value', experimental_scale: factor });

  it('keeps as doubles what no integer can hold', async () => {
    const points = [double(1, 2, 1e300), double(1, 3, Number.NaN), double(1, 4, -1.9), double(1, 5, -(2 ** 63))];
    assert.deepEqual(
      await transform(toggle, [gauge('m', ...points)]),
      expected([gauge('m', points[0]!, points[1]!, int(1, 4, -1), int(1, 5, '-9223372036854775808'))]),
    );
  });

  it('scales exponential histograms by their buckets, and no histogram by less than nothing', async () => {
    const of = (offset: number, size: number): PlainObject => ({
      timeUnixNano: 1,
      count: 2,
      sum: 3 * size,
      min: size,
      max: 2 * size,
      scale: 1,
      zeroThreshold: 0.5 * size,
      positive: { offset, bucketCounts: [1, 1] },
      negative: { offset: 7, bucketCounts: [] },
    });
    assert.deepEqual(await transform(scale(4), [exponential('m', of(-3, 1))]), expected([exponential('m', of(1, 4))]));
    assert.deepEqual(
      await transform(scale(-4), [exponential('m', of(-3, 1))]),
      expected([exponential('m', of(-3, 1))]),
    );
  });
});

describe('metrics_transform that combines and groups', () => {
  it('says why metrics were not combined, once a batch', async () => {
    const told: unknown[] = [];
    const ignore = (): void => undefined;
    const log: Logger = {
      debug: ignore,
      info: ignore,
      warn: (message, fields) => void told.push([message, fields]),
      error: ignore,
    };
    const context = processorContext('metrics', new CollectingConsumer(), { log });
    const combine = { include: '.', match_type: 'regexp', action: 'combine', new_name: 'all' };
    const parsed = metricsTransformProcessor.parse({ transforms: [combine] });
    assert.ok(parsed.ok);
    const processor = await parsed.prepared.create(context);
    const metrics = [
      { ...gauge('a', int(1, 2, 3)), unit: 's' },
      { ...gauge('b', int(1, 2, 3)), unit: 'ms' },
    ];
    await processor.consume(batchOf(requestOf(metrics), requestOf(metrics)), never);
    assert.deepEqual(told, [
      [
        'Metrics are too different to be combined; they go on as they are.',
        { refusal: 'a and b have different units, "s" and "ms"' },
      ],
    ]);
    assert.equal(context.meter.total('remora_processor_metrics_transform_not_combined'), 1);
  });

  it('leaves the points that are not meant where they are', async () => {
    const match = { include: 'm', experimental_match_labels: { a: '1' } };
    const metrics = [gauge('m', int(1, 2, 1, { a: '1' }), int(1, 2, 2, { a: '2' }))];
    assert.deepEqual(
      await transform([{ ...match, action: 'combine', new_name: 'new' }], metrics),
      expected([gauge('m', int(1, 2, 2, { a: '2' })), gauge('new', int(1, 2, 1, { a: '1' }))]),
    );
    assert.deepEqual(
      await transform([{ ...match, action: 'group', group_resource_labels: { r: 'x' } }], metrics),
      expected([gauge('m', int(1, 2, 2, { a: '2' })), gauge('m', int(1, 2, 1, { a: '1' }))]),
    );
  });

  it('groups metrics under resources of their own, as the Collector', async () => {
    const request = encodeRequest('metrics', {
      resourceMetrics: [
        {
          resource: { attributes: labelsOf({ original: 'label', 'resource.type': 'x' }), droppedAttributesCount: 3 },
          schemaUrl: 'https://example.com/1',
          scopeMetrics: [
            {
              scope: { name: 'meter' },
              schemaUrl: 'https://example.com/2',
              metrics: ['container.cpu', 'container.memory', 'k8s.pod.cpu', 'k8s.pod.memory'].map((name) =>
                gauge(name),
              ),
            },
          ],
        },
      ],
    });
    const group = (pattern: string, type: string) => ({
      include: pattern,
      match_type: 'regexp',
      action: 'group',
      group_resource_labels: { 'resource.type': type },
    });
    const output = await transformBatch(
      [group('^container.(.*)$', 'container'), group('^k8s.pod.(.*)$', 'k8s.pod')],
      makeBatch('metrics', [request], 0),
    );
    const found = normalized(Buffer.concat(output!.chunks)).resourceMetrics.map((each) => ({
      ...each,
      scopeMetrics: each.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(({ name }) => name) })),
    }));
    const [original] = normalized(request).resourceMetrics;
    const resource = (type: string, names: string[]): unknown => ({
      ...original,
      resource: normalized(
        encodeRequest('metrics', {
          resourceMetrics: [
            {
              resource: {
                attributes: labelsOf({ original: 'label', 'resource.type': type }),
                droppedAttributesCount: 3,
              },
            },
          ],
        }),
      ).resourceMetrics[0]!.resource,
      scopeMetrics: [{ ...original!.scopeMetrics[0], metrics: names }],
    });
    assert.deepEqual(found, [
      resource('container', ['container.cpu', 'container.memory']),
      resource('k8s.pod', ['k8s.pod.cpu', 'k8s.pod.memory']),
    ]);
  });
});
