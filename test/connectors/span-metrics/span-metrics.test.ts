import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { RemoraError } from '../../../src/core/errors.ts';
import { rejected, retry } from '../../../src/core/verdict.ts';
import { Bench, keyValues, list, NEVER, pointsOf, request, span, spansOf, sumOf, type Point } from './bench.ts';

const SHOP = { 'service.name': 'shop', 'service.instance.id': 'a1' };
const ERROR = { status: { code: 'STATUS_CODE_ERROR', message: 'boom' } };
const DELTA = { aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA' };

function only(points: readonly Point[], metric: string): Point {
  const found = points.filter((point) => point.metric.endsWith(metric));
  assert.equal(found.length, 1, `${found.length} points of ${metric}`);
  return found[0]!;
}

function callsBy(points: readonly Point[], dimension: string): Record<string, number> {
  const calls = points.filter(({ kind }) => kind === 'sum');
  return Object.fromEntries(calls.map(({ attributes, value }) => [String(attributes[dimension]), value]));
}

const refuse = () => retry(new Error('Not now.'));

test('spans are counted and measured under the names, dimensions and buckets of the Collector', async () => {
  const bench = await Bench.start();
  const startMs = bench.clock.now();
  await bench.take(
    request(SHOP, [span('GET /', 3), span('GET /', 12), span('GET /', 20_000), span('GET /', 7, ERROR)]),
  );
  const points = await bench.flush();
  const ok = points.filter(({ attributes }) => attributes['status.code'] === 'STATUS_CODE_UNSET');
  const calls = only(ok, 'calls');
  assert.deepEqual(
    { ...calls, raw: undefined },
    {
      resource: SHOP,
      scope: 'spanmetricsconnector',
      metric: 'traces.span.metrics.calls',
      unit: '',
      kind: 'sum',
      isDelta: false,
      attributes: {
        'service.name': 'shop',
        'span.name': 'GET /',
        'span.kind': 'SPAN_KIND_SERVER',
        'status.code': 'STATUS_CODE_UNSET',
      },
      startMs,
      timeMs: startMs + 60_000,
      value: 3,
      raw: undefined,
    },
  );
  const duration = only(ok, 'duration');
  assert.deepEqual([duration.metric, duration.unit], ['traces.span.metrics.duration', 'ms']);
  assert.deepEqual(duration.attributes, calls.attributes);
  assert.equal(duration.value, 3);
  assert.equal(duration.raw['sum'], 20_015);
  const bounds = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000];
  assert.deepEqual(duration.raw['explicitBounds'], bounds);
  const counts = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
  assert.deepEqual(duration.raw['bucketCounts'], counts.map(String));
  assert.deepEqual(callsBy(points, 'status.code'), { STATUS_CODE_UNSET: 3, STATUS_CODE_ERROR: 1 });
});

test('a bound of a bucket belongs to it, in seconds too, and a span that ends before it starts took no time', async () => {
  const bench = await Bench.start({ histogram: { unit: 's', explicit: { buckets: ['10ms', '1s'] } } });
  const backwards = span('x', 0, { startTimeUnixNano: '2000000', endTimeUnixNano: '1000000' });
  await bench.take(request(SHOP, [span('x', 10), span('x', 10.001), span('x', 1000), span('x', 1000.001), backwards]));
  const duration = only(await bench.flush(), 'duration');
  assert.equal(duration.unit, 's');
  assert.deepEqual(duration.raw['bucketCounts'], ['2', '2', '1']);
  assert.deepEqual(duration.raw['explicitBounds'], [0.01, 1]);
});

test('dimensions come from the span, then from the resource, then from their default, with the type they have', async () => {
  const bench = await Bench.start({
    dimensions: [{ name: 'http.status' }, { name: 'region' }, { name: 'tier', default: 'none' }, { name: 'absent' }],
    exclude_dimensions: ['span.kind', 'service.name'],
  });
  const resource = { ...SHOP, region: 'eu', tier: 'gold' };
  await bench.take(
    request(resource, [
      span('x', 1, {}, { 'http.status': 200, region: 'us' }),
      span('x', 1, {}, { 'http.status': '200' }),
    ]),
    request(SHOP, [span('x', 1)]),
  );
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum').map(({ attributes }) => attributes);
  const common = { 'span.name': 'x', 'status.code': 'STATUS_CODE_UNSET' };
  assert.deepEqual(calls, [
    { ...common, 'http.status': 200, region: 'us', tier: 'gold' },
    { ...common, 'http.status': '200', region: 'eu', tier: 'gold' },
    { ...common, tier: 'none' },
  ]);
});

test('calls and durations may have dimensions of their own', async () => {
  const bench = await Bench.start({
    dimensions: [{ name: 'a' }],
    calls_dimensions: [{ name: 'b' }],
    histogram: { dimensions: [{ name: 'c' }] },
  });
  await bench.take(
    request(SHOP, [span('x', 1, {}, { a: 1, b: 1, c: 1 }), span('x', 1, {}, { a: 1, b: 2, c: 1 })]),
    request(SHOP, [span('x', 1, {}, { a: 1, b: 1, c: 2 })]),
  );
  const points = await bench.flush();
  const own = (kind: Point['kind']) =>
    points.filter((point) => point.kind === kind).map(({ attributes: { a, b, c }, value }) => ({ a, b, c, value }));
  assert.deepEqual(own('sum'), [
    { a: 1, b: 1, c: undefined, value: 2 },
    { a: 1, b: 2, c: undefined, value: 1 },
  ]);
  assert.deepEqual(own('histogram'), [
    { a: 1, b: undefined, c: 1, value: 2 },
    { a: 1, b: undefined, c: 2, value: 1 },
  ]);
});

test('scopes that are included are dimensions of their spans, and others are not', async () => {
  const bench = await Bench.start({ include_instrumentation_scope: ['express'] });
  await bench.take(
    request(SHOP, [span('x', 1)], { name: 'express', version: '1.2' }),
    request(SHOP, [span('x', 1)], { name: 'pg', version: '8' }),
  );
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
  assert.deepEqual(
    calls.map(({ attributes }) => [
      attributes['span.instrumentation.scope.name'],
      attributes['span.instrumentation.scope.version'],
    ]),
    [
      ['express', '1.2'],
      [undefined, undefined],
    ],
  );
});

test('cumulative points go on from their start, which is when the series was not there yet', async () => {
  const bench = await Bench.start();
  const startMs = bench.clock.now();
  await bench.take(request(SHOP, [span('a', 1)]));
  await bench.flush();
  await bench.take(request(SHOP, [span('a', 1), span('b', 1)]));
  const points = await bench.flush();
  const times = points
    .filter(({ kind }) => kind === 'sum')
    .map((point) => [point.attributes['span.name'], point.value, point.startMs, point.timeMs]);
  assert.deepEqual(times, [
    ['a', 2, startMs, startMs + 120_000],
    ['b', 1, startMs + 60_000, startMs + 120_000],
  ]);
  assert.deepEqual(callsBy(await bench.flush(), 'span.name'), { a: 2, b: 1 });
});

test('delta points follow each other without a gap, and a series without spans has none', async () => {
  const bench = await Bench.start(DELTA);
  const startMs = bench.clock.now();
  await bench.take(request(SHOP, [span('a', 1), span('b', 30)]));
  assert.deepEqual(callsBy(await bench.flush(), 'span.name'), { a: 1, b: 1 });
  await bench.take(request(SHOP, [span('a', 30)]));
  const points = await bench.flush();
  const calls = only(points, 'calls');
  assert.ok(calls.isDelta);
  assert.deepEqual([calls.value, calls.startMs, calls.timeMs], [1, startMs + 60_000, startMs + 120_000]);
  assert.deepEqual(only(points, 'duration').raw['sum'], 30);
  assert.deepEqual(await bench.flush(), []);
  assert.equal(bench.context.meter.value('remora_span_metrics_series', { connector: 'span_metrics' }), 0);
});

test('what a delta flush could not send is offered again as it was, and later spans come after it', async () => {
  const bench = await Bench.start(DELTA);
  const startMs = bench.clock.now();
  bench.sink.answer = refuse;
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(await bench.flush(), []);
  assert.equal(bench.context.meter.value('remora_span_metrics_untaken_points', { connector: 'span_metrics' }), 2);
  await bench.take(request(SHOP, [span('a', 1), span('a', 1)]));
  assert.deepEqual(await bench.flush(), []);
  bench.sink.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  const points = await bench.flush();
  const calls = points
    .filter(({ kind }) => kind === 'sum')
    .map((point) => [point.value, point.startMs - startMs, point.timeMs - startMs]);
  assert.deepEqual(calls, [
    [1, 0, 60_000],
    [2, 60_000, 180_000],
  ]);
});

test('what a cumulative flush could not send is in the next one', async () => {
  const bench = await Bench.start();
  bench.sink.answer = refuse;
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(await bench.flush(), []);
  await bench.take(request(SHOP, [span('a', 1)]));
  bench.sink.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  assert.equal(only(await bench.flush(), 'calls').value, 2);
});

test('spans that come while a flush waits count in the next interval', async () => {
  for (const raw of [DELTA, {}]) {
    const bench = await Bench.start(raw);
    const gate = Promise.withResolvers<undefined>();
    bench.sink.answer = async () => {
      await gate.promise;
      return { status: 'accepted', rejectedItems: 0 };
    };
    await bench.take(request(SHOP, [span('a', 1)]));
    await bench.clock.advance(60_000);
    await bench.take(request(SHOP, [span('a', 1)]));
    // The next turn finds the first flush still under way.
    await bench.clock.advance(60_000);
    gate.resolve(undefined);
    await bench.clock.advance(1);
    assert.equal(only(bench.points(), 'calls').value, 1);
    assert.equal(only(await bench.flush(), 'calls').value, raw === DELTA ? 1 : 2);
  }
});

test('the stop sends what was counted last, waits for room, and counts what stays behind as lost', async () => {
  for (const raw of [DELTA, {}]) {
    const bench = await Bench.start(raw);
    await bench.take(request(SHOP, [span('a', 1)]));
    let refusals = 3;
    bench.sink.answer = () => (refusals-- > 0 ? refuse() : { status: 'accepted', rejectedItems: 0 });
    const stopped = bench.stop();
    await bench.clock.advance(1000);
    assert.equal(sumOf(await stopped), 1);
    assert.equal((await bench.take(request(SHOP, [span('a', 1)]))).status, 'retry');
    assert.equal(bench.clock.pending, 0);

    const refused = await Bench.start(raw);
    await refused.take(request(SHOP, [span('a', 1)]));
    refused.sink.answer = refuse;
    await refused.clock.advance(60_000);
    await refused.take(request(SHOP, [span('a', 1)]));
    const deadline = new AbortController();
    const gaveUp = refused.stop(deadline.signal);
    await refused.clock.advance(500);
    deadline.abort();
    assert.deepEqual(await gaveUp, []);
    const lost = raw === DELTA ? 4 : 2;
    assert.deepEqual([refused.made.received, refused.made.droppedItems, refused.made.imbalance], [lost, lost, 0]);
  }
});

test('what is refused for good is let go, and the flush goes on', async () => {
  const bench = await Bench.start(DELTA);
  bench.sink.answer = () => rejected(new Error('Never.'));
  await bench.take(request(SHOP, [span('a', 1)]));
  await bench.flush();
  bench.sink.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  assert.deepEqual(await bench.flush(), []);
});

test('series beyond the limit count in one of their resource, so that sums stay exact', async () => {
  const bench = await Bench.start({ aggregation_cardinality_limit: 3 });
  const names = Array.from({ length: 10 }, (_, index) => `route ${index}`);
  await bench.take(
    request(
      SHOP,
      names.map((name) => span(name, 1)),
    ),
  );
  await bench.take(request({ 'service.name': 'other' }, [span('x', 1), span('y', 1)]));
  const points = await bench.flush();
  assert.equal(sumOf(points), 12);
  assert.equal(sumOf(points, 'histogram'), 12);
  const overflow = points.filter(
    ({ kind, attributes }) => kind === 'sum' && attributes['otel.metric.overflow'] === true,
  );
  assert.deepEqual(
    overflow.map(({ resource, attributes, value }) => [resource['service.name'], attributes, value]),
    [
      ['shop', { 'otel.metric.overflow': true }, 7],
      ['other', { 'otel.metric.overflow': true }, 2],
    ],
  );
  assert.equal(bench.context.meter.value('remora_span_metrics_overflowed_spans', { connector: 'span_metrics' }), 9);
  assert.equal(bench.context.meter.value('remora_span_metrics_series', { connector: 'span_metrics' }), 3);
});

test('resources beyond their limit count in one without attributes, and so does one that is too large', async () => {
  const bench = await Bench.start({ resource_metrics_cache_size: 2, aggregation_cardinality_limit: 100 });
  for (const name of ['a', 'b', 'c', 'd']) await bench.take(request({ 'service.name': name }, [span('x', 1)]));
  const large = await Bench.start({ aggregation_cardinality_limit: 2 });
  await large.take(request({ 'service.name': 'x'.repeat(5000) }, [span('x', 1)]));
  for (const [points, strays] of [
    [await bench.flush(), 2],
    [await large.flush(), 1],
  ] as const) {
    const stray = points.filter(({ kind, resource }) => kind === 'sum' && Object.keys(resource).length === 0);
    assert.equal(stray.length, 1);
    assert.equal(stray[0]?.value, strays);
    assert.equal(stray[0].attributes['collector.instance.id'], 'test-instance');
  }
});

test('names that are too long for the room of all series overflow instead of taking memory', async () => {
  const bench = await Bench.start({ aggregation_cardinality_limit: 4 });
  await bench.take(request(SHOP, [span('n'.repeat(10_000), 1), span('short', 1)]));
  const points = await bench.flush();
  assert.equal(sumOf(points), 2);
  assert.deepEqual(callsBy(points, 'span.name'), { short: 1, undefined: 1 });
});

test('resources are told apart by all attributes in any order, or by those that are named, or not at all', async () => {
  const one = { 'service.name': 'shop', pid: 1 };
  const turned = { pid: 1, 'service.name': 'shop' };
  const other = { 'service.name': 'shop', pid: 2 };
  const seen = async (raw: object) => {
    const bench = await Bench.start(raw);
    for (const resource of [one, turned, other]) await bench.take(request(resource, [span('x', 1)]));
    const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
    return calls.map(({ resource, value, attributes }) => [resource, value, attributes['collector.instance.id']]);
  };
  assert.deepEqual(await seen({}), [
    [{ 'service.name': 'shop', pid: 1 }, 2, undefined],
    [other, 1, undefined],
  ]);
  assert.deepEqual(await seen({ resource_metrics_key_attributes: ['service.name'] }), [
    [{ 'service.name': 'shop' }, 3, 'test-instance'],
  ]);
  assert.deepEqual(await seen({ add_resource_attributes: false }), [[{}, 3, 'test-instance']]);
  assert.deepEqual(await seen({ add_resource_attributes: false, exclude_dimensions: ['collector.instance.id'] }), [
    [{}, 3, undefined],
  ]);
});

test('a resource that comes after its spans, or not at all, is understood', async () => {
  const bench = await Bench.start();
  const bytes = spansOf(request(SHOP, [span('x', 1)])).chunks[0]!;
  // ResourceSpans: the resource field moved behind the scopes.
  const resourceLength = bytes[bytes[1]! < 0x80 ? 3 : 4]! + 2;
  const head = bytes[1]! < 0x80 ? 2 : 3;
  const turned = Buffer.concat([
    bytes.subarray(0, head),
    bytes.subarray(head + resourceLength),
    bytes.subarray(head, head + resourceLength),
  ]);
  await bench.connector.consume(makeBatch('traces', [turned], 1), NEVER);
  await bench.take({ resourceSpans: [{ scopeSpans: [{ spans: [span('x', 1)] }] }] });
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
  assert.deepEqual(
    calls.map(({ attributes }) => attributes['service.name']),
    ['shop', undefined],
  );
});

test('series and resources that were silent end, once their last counts were sent', async () => {
  const bench = await Bench.start({ series_expiration: '90s' });
  await bench.take(request(SHOP, [span('a', 1), span('b', 1)]));
  await bench.flush();
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(callsBy(await bench.flush(), 'span.name'), { a: 2, b: 1 });
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(callsBy(await bench.flush(), 'span.name'), { a: 3 });
  const restartMs = bench.clock.now();
  await bench.take(request(SHOP, [span('b', 1)]));
  const again = (await bench.flush()).find(({ attributes }) => attributes['span.name'] === 'b');
  assert.deepEqual([again?.value, again?.startMs], [1, restartMs]);

  const resources = await Bench.start({ metrics_expiration: '30s' });
  await resources.take(request(SHOP, [span('a', 1)]));
  resources.sink.answer = refuse;
  await resources.flush();
  await resources.flush();
  resources.sink.answer = () => ({ status: 'accepted', rejectedItems: 0 });
  assert.deepEqual(callsBy(await resources.flush(), 'span.name'), { a: 1 });
  assert.deepEqual(await resources.flush(), []);
  assert.equal(resources.context.meter.value('remora_span_metrics_series', { connector: 'span_metrics' }), 0);
});

test('exemplars name spans of the interval, at most so many, with their duration and the time of their end', async () => {
  const bench = await Bench.start({ exemplars: { enabled: true, max_per_data_point: 2 } });
  const without = [0, 15, 16].map((length) => span('x', 5, { traceId: Buffer.alloc(length) }));
  await bench.take(request(SHOP, [span('x', 3), ...without]));
  const first = list(only(await bench.flush(), 'duration').raw, 'exemplars');
  assert.equal(first.length, 1);
  const [exemplar = {}] = first;
  assert.equal(Buffer.from(String(exemplar['traceId']), 'base64').toString('hex'), '00112233445566778899aabbccddeeff');
  assert.equal(Buffer.from(String(exemplar['spanId']), 'base64').toString('hex'), '0123456789abcdef');
  assert.equal(exemplar['asDouble'], 3);
  assert.equal(exemplar['timeUnixNano'], '1767225600003000000');
  assert.deepEqual(list(only(await bench.flush(), 'duration').raw, 'exemplars'), []);
  await bench.take(...Array.from({ length: 50 }, () => request(SHOP, [span('x', 3), span('x', 4)])));
  assert.equal(list(only(await bench.flush(), 'duration').raw, 'exemplars').length, 2);
});

test('a span that was sampled counts for those that were not, unless that is switched off', async () => {
  const sampled = (state: string) => span('x', 10, { traceState: state });
  // ot=th:8 keeps one half, ot=th:c one quarter; malformed and other states count once.
  const spans = [
    sampled('ot=th:8'),
    sampled('vendor=1,ot=th:c'),
    sampled('ot=th:zz'),
    sampled('vendor=1'),
    span('x', 10),
  ];
  const bench = await Bench.start();
  await bench.take(request(SHOP, spans));
  const points = await bench.flush();
  assert.equal(only(points, 'calls').value, 2 + 4 + 3);
  assert.equal(only(points, 'duration').value, 9);
  assert.equal(only(points, 'duration').raw['sum'], 90);
  const plain = await Bench.start({ adjusted: false });
  await plain.take(request(SHOP, spans));
  assert.equal(only(await plain.flush(), 'calls').value, 5);
});

test('an adjusted count that is not whole is rounded without a bias', async () => {
  const bench = await Bench.start();
  // th:5555 keeps two thirds: each counts 1.5.
  const spans = Array.from({ length: 1000 }, () => span('x', 1, { traceState: 'ot=th:55555555555555' }));
  await bench.take(request(SHOP, spans));
  const { value } = only(await bench.flush(), 'calls');
  // 4 standard errors of 1000 coins.
  assert.ok(Math.abs(value - 1500) < 4 * Math.sqrt(1000 / 4), `${value}`);
});

test('a malformed span makes the whole batch one that counts nothing', async () => {
  const bench = await Bench.start();
  const batch = spansOf(request(SHOP, [span('a', 1), span('b', 1)]));
  const bytes = Buffer.from(batch.chunks[0]!);
  // The last field of the last span says that it is longer than the span.
  const at = bytes.lastIndexOf(Buffer.from('b'));
  bytes[at - 1] = 0x7f;
  const verdict = await bench.connector.consume(makeBatch('traces', [bytes], 2), NEVER);
  assert.equal(verdict.status, 'rejected');
  assert.ok(verdict.reason instanceof RemoraError && verdict.reason.code === 'payload_malformed');
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(callsBy(await bench.flush(), 'span.name'), { a: 1 });
});

test('a reservation counts when it is committed, and not when it is cancelled', async () => {
  const bench = await Bench.start();
  const batch = spansOf(request(SHOP, [span('a', 1)]));
  const [cancelled, committed] = [bench.connector.tryReserve?.(batch), bench.connector.tryReserve?.(batch)];
  assert.ok(cancelled?.status === 'reserved' && committed?.status === 'reserved');
  cancelled.cancel();
  assert.equal((await committed.commit(NEVER)).status, 'accepted');
  assert.equal(only(await bench.flush(), 'calls').value, 1);
});

test('nothing of a batch is kept: its bytes may be written over at once', async () => {
  const bench = await Bench.start({ dimensions: [{ name: 'd' }], exemplars: { enabled: true } });
  const batch = spansOf(request({ ...SHOP, d: 'fallback' }, [span('a', 1), span('b', 1, {}, { d: 'own' })]));
  await bench.connector.consume(batch, NEVER);
  for (const chunk of batch.chunks) chunk.fill(0xff);
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
  assert.deepEqual(
    calls.map(({ attributes }) => [attributes['service.name'], attributes['span.name'], attributes['d']]),
    [
      ['shop', 'a', 'fallback'],
      ['shop', 'b', 'own'],
    ],
  );
});

test('many series go out in batches of bounded size that hold each series once', async () => {
  const bench = await Bench.start({ aggregation_cardinality_limit: 5000 });
  const names = Array.from({ length: 4000 }, (_, index) => `a route with a rather long name, number ${index}`);
  await bench.take(
    request(
      SHOP,
      names.map((name) => span(name, 1)),
    ),
  );
  await bench.flush();
  assert.ok(bench.sink.batches.length > 1);
  for (const { bytes } of bench.sink.batches) assert.ok(bytes < 1024 * 1024, `${bytes}`);
  const points = pointsOf(bench.sink.batches);
  assert.equal(points.length, 8000);
  assert.equal(
    new Set(points.map(({ metric, attributes }) => `${metric} ${String(attributes['span.name'])}`)).size,
    8000,
  );
});

test('a histogram that is disabled leaves the calls, and an empty namespace their bare name', async () => {
  const bench = await Bench.start({ histogram: { disable: true }, namespace: '' });
  await bench.take(request(SHOP, [span('a', 1)]));
  assert.deepEqual(
    (await bench.flush()).map(({ metric }) => metric),
    ['calls'],
  );
});

test('flushes of a fleet do not line up', async () => {
  const bench = await Bench.start({ flush_jitter: 0.5 });
  await bench.take(request(SHOP, [span('a', 1)]));
  const timesMs: number[] = [];
  bench.sink.answer = () => {
    timesMs.push(bench.clock.monotonic());
    return { status: 'accepted', rejectedItems: 0 };
  };
  await bench.clock.advance(600_000);
  const gaps = timesMs.slice(1).map((atMs, index) => atMs - timesMs[index]!);
  assert.ok(timesMs[0]! <= 60_000);
  assert.ok(gaps.every((gapMs) => gapMs >= 30_000 && gapMs <= 90_000));
  assert.ok(new Set(gaps).size > 3);
});

test('kinds and statuses that there are not count as unspecified and unset', async () => {
  const bench = await Bench.start();
  await bench.take(request(SHOP, [span('a', 1, { kind: 77, status: { code: 9 } })]));
  const { attributes } = only(await bench.flush(), 'calls');
  assert.deepEqual(
    [attributes['span.kind'], attributes['status.code']],
    ['SPAN_KIND_UNSPECIFIED', 'STATUS_CODE_UNSET'],
  );
});

test('of an attribute that comes twice the first counts, and one without a value is the empty value', async () => {
  const bench = await Bench.start({ dimensions: [{ name: 'd' }] });
  const twice = [...keyValues({ d: 'first' }), ...keyValues({ d: 'second' })];
  await bench.take(request(SHOP, [span('a', 1, { attributes: twice }), span('b', 1, { attributes: [{ key: 'd' }] })]));
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
  assert.deepEqual(
    calls.map(({ attributes }) => ['d' in attributes, attributes['d']]),
    [
      [true, 'first'],
      [true, undefined],
    ],
  );
});
