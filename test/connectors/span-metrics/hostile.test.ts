import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../../src/core/batch.ts';
import { Bench, list, NEVER, request, span, spansOf, sumOf } from './bench.ts';

/** What is kept is sent again and again: nothing that one sender writes may have the metrics of all others refused. */

const SHOP = { 'service.name': 'shop' };
/** A text whose length is then written over, or its bytes. */
const MARK = 'abcdefgh';

type Spoil = (bytes: Buffer, at: number) => void;
const SPOILS: Readonly<Record<string, Spoil>> = {
  'a text longer than what it is in': (bytes, at) => void (bytes[at - 1] = 0x7f),
  'a text that is not UTF-8': (bytes, at) => void (bytes[at] = 0xff),
  'a number that is a text': (bytes, at) => void (bytes[at - 2] = 0x1a),
  'a text that is a number': (bytes, at) => void (bytes[at - 2] = 0x08),
  'an array of garbage': (bytes, at) => void (bytes[at - 2] = 0x2a),
};

for (const [name, spoil] of Object.entries(SPOILS)) {
  for (const place of ['dimension', 'resource'] as const) {
    test(`${name}, in a ${place}, counts in an overflow series, and others go on`, async () => {
      const bench = await Bench.start({ dimensions: [{ name: 'route' }] });
      const spoiled =
        place === 'dimension'
          ? request(SHOP, [span('x', 5, {}, { route: MARK }), span('x', 5, {}, { route: 'r' })])
          : request({ ...SHOP, pod: MARK }, [span('x', 5), span('x', 5)]);
      const bytes = Buffer.from(spansOf(spoiled).chunks[0] ?? []);
      spoil(bytes, bytes.indexOf(MARK));
      for (let times = 0; times < 2; times++) {
        assert.equal((await bench.connector.consume(makeBatch('traces', [bytes], 2), NEVER)).status, 'accepted');
      }
      await bench.take(request(SHOP, [span('y', 5)]));
      const points = await bench.flush();
      assert.equal(sumOf(points), 5);
      const overflowed = points.filter(({ attributes }) => attributes['otel.metric.overflow'] === true);
      assert.equal(sumOf(overflowed), place === 'dimension' ? 2 : 4);
      const overflowedSpans = bench.context.meter.value('remora_span_metrics_overflowed_spans', {
        connector: 'span_metrics',
      });
      assert.equal(overflowedSpans, place === 'dimension' ? 2 : 4);
    });
  }
}

test('a span name that is not UTF-8 counts in an overflow series', async () => {
  const bench = await Bench.start();
  const bytes = Buffer.from(spansOf(request(SHOP, [span(MARK, 5), span('x', 5)])).chunks[0] ?? []);
  bytes[bytes.indexOf(MARK)] = 0xc0;
  await bench.connector.consume(makeBatch('traces', [bytes], 2), NEVER);
  const calls = (await bench.flush()).filter(({ kind }) => kind === 'sum');
  const names = calls.map(({ attributes }) => attributes['span.name'] ?? attributes['otel.metric.overflow']);
  assert.deepEqual(names, [true, 'x']);
});

for (const histogram of [{}, { exponential: {} }, { exponential: { max_size: 2 } }]) {
  const kind = JSON.stringify(histogram);

  test(`spans that say they stand for 2^56 each do not make a count that nobody can read: ${kind}`, async () => {
    const bench = await Bench.start({ histogram });
    const spans = Array.from({ length: 300 }, (_, index) =>
      span('x', index % 3, { traceState: 'ot=th:ffffffffffffff' }),
    );
    await bench.take(request(SHOP, spans));
    await bench.take(request(SHOP, spans));
    const points = await bench.flush();
    assert.equal(points.length, 2);
    for (const { raw } of points) assert.equal(BigInt(String(raw['asInt'] ?? raw['count'])), 2n ** 63n - 1024n);
    const { positive, bucketCounts } = points[1]?.raw as {
      positive?: { bucketCounts: string[] };
      bucketCounts?: string[];
    };
    const counts = positive?.bucketCounts ?? bucketCounts ?? [];
    // 200 spans of 1 ms, as many of 2 ms.
    assert.ok(counts.includes(String(2n ** 63n - 1024n)), counts.join());
    for (const count of counts) assert.ok(BigInt(count) < 2n ** 63n, count);
  });

  test(`times at the ends of 64 bits make durations that are bounded: ${kind}`, async () => {
    const bench = await Bench.start({ histogram, exemplars: { enabled: true, max_per_data_point: 3 } });
    const times = (start: bigint, end: bigint) =>
      span('x', 0, { startTimeUnixNano: String(start), endTimeUnixNano: String(end) });
    const last = 2n ** 64n - 1n;
    await bench.take(
      request(SHOP, [times(1n, last), times(last, 1n), times(last, last), times(last - 1n, last), times(5n, 6n)]),
      // Without a start, written or not, nobody knows how long it took.
      request(SHOP, [times(0n, last), times(0n, 0n), times(last, 0n), span('x', 5, { startTimeUnixNano: undefined })]),
    );
    const [, duration] = await bench.flush();
    assert.equal(duration?.value, 9);
    assert.ok(Math.abs(Number(duration.raw['sum']) - 2 ** 64 / 1e6) < 1);
    assert.equal((duration.raw['exemplars'] as object[]).length, 3);
    if ('exponential' in histogram) assert.equal(duration.raw['zeroCount'], '6');
  });
}

test('a dimension has values of every type as they came, and what is written otherwise is another series', async () => {
  const bench = await Bench.start({ dimensions: [{ name: 'd' }], histogram: { disable: true } });
  const values = [
    { stringValue: '1' },
    { stringValue: '' },
    { intValue: '1' },
    { intValue: '-9223372036854775808' },
    { doubleValue: 1 },
    { doubleValue: 'NaN' },
    { boolValue: true },
    { boolValue: false },
    { bytesValue: Buffer.from([0, 255]) },
    { arrayValue: { values: [{ intValue: '1' }, {}] } },
    { kvlistValue: { values: [{ key: 'a', value: { stringValue: 'x' } }] } },
    {},
  ];
  const spans = values.map((value) => span('x', 1, { attributes: [{ key: 'd', value }] }));
  await bench.take(request(SHOP, spans), request(SHOP, spans), request(SHOP, [span('x', 1)]));
  const points = await bench.flush();
  assert.deepEqual(
    points.map(({ value }) => value),
    [...values.map(() => 2), 1],
  );
  const kinds = points.map(({ raw }) => {
    const found = list(raw, 'attributes').find(({ key }) => key === 'd');
    return found === undefined ? 'absent' : (Object.keys(found['value'] as object)[0] ?? 'empty');
  });
  assert.deepEqual(kinds, [...values.map((value) => Object.keys(value)[0] ?? 'empty'), 'absent']);
});

test('resources that are all different are remembered within their bound', async () => {
  const bench = await Bench.start({ resource_metrics_cache_size: 10 });
  for (let at = 0; at < 200; at++) {
    const resources = Array.from({ length: 100 }, (_, index) => request({ n: at * 100 + index }, [span('x', 1)]));
    await bench.take(...resources);
  }
  const points = await bench.flush();
  assert.equal(sumOf(points), 20_000);
  assert.equal(points.filter(({ kind }) => kind === 'sum').length, 11);
});
