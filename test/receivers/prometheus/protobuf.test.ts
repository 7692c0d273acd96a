import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { levelText } from '../../../src/receivers/prometheus/proto-page.ts';
import { ScrapeError } from '../../../src/receivers/prometheus/scrape-error.ts';
import { page, pageTarget } from './page-target.ts';
import { labels, protoPage, PROTOBUF } from './proto-pages.ts';
import { relabelRules } from '../../../src/receivers/prometheus/relabel/rules.ts';
import { relabelConfigs } from '../../../src/receivers/prometheus/relabel/settings.ts';
import { only, PagedTarget, type Scraped } from './scraped.ts';
import { Scraping } from './scraping.ts';

const at = (seconds: number, nanos = 0): object => ({ seconds, nanos });
const histogram = (value: object, name = 'h', pairs: Record<string, string> = {}): object => ({
  name,
  type: 'HISTOGRAM',
  metric: [{ label: labels(pairs), histogram: value }],
});
/** The vector of the specification: counts 10, 0, 0, 20, 5, 2 from offset 3 on. */
const WORKED = {
  sampleCount: 40,
  sampleSum: 123.5,
  schema: 3,
  zeroThreshold: 1e-128,
  zeroCount: 3,
  positiveSpan: [
    { offset: 4, length: 1 },
    { offset: 2, length: 3 },
  ],
  positiveDelta: [10, 10, -15, -3],
};

const FAMILIES = [
  {
    name: 'c_total',
    help: 'Things.',
    type: 'COUNTER',
    metric: [{ label: labels({ a: '1' }), counter: { value: 5 } }, { counter: { value: 6 } }],
  },
  { name: 'g', type: 'GAUGE', metric: [{ label: labels({ b: 'ü"\n' }), gauge: { value: -1.5 }, timestampMs: 700 }] },
  { name: 'u', type: 'UNTYPED', metric: [{ untyped: { value: Number.NaN } }] },
  {
    name: 's',
    type: 'SUMMARY',
    metric: [
      {
        summary: {
          sampleCount: 4,
          sampleSum: 10,
          quantile: [
            { quantile: 0.5, value: 2 },
            { quantile: 0.99, value: 3 },
          ],
        },
      },
    ],
  },
  {
    name: 'h',
    type: 'HISTOGRAM',
    metric: [
      {
        label: labels({ path: '/' }),
        histogram: {
          sampleCount: 9,
          sampleSum: 4,
          bucket: [
            { cumulativeCount: 2, upperBound: 0.5 },
            { cumulativeCount: 7, upperBound: 1 },
          ],
        },
      },
    ],
  },
];
const AS_TEXT = `# HELP c_total Things.
# TYPE c_total counter
c_total{a="1"} 5
c_total 6
# TYPE g gauge
g{b="ü\\"\\n"} -1.5 700
u NaN
# TYPE s summary
s_count 4
s_sum 10
s{quantile="0.5"} 2
s{quantile="0.99"} 3
# TYPE h histogram
h_count{path="/"} 9
h_sum{path="/"} 4
h_bucket{path="/",le="0.5"} 2
h_bucket{path="/",le="1.0"} 7
h_bucket{path="/",le="+Inf"} 9
`;

suite('protobuf pages', () => {
  test('a page means the same as in text, on first sight and again', () => {
    const proto = new PagedTarget();
    const text = new PagedTarget();
    for (const timeMs of [1000, 2000]) {
      assert.deepEqual(proto.proto(protoPage(...FAMILIES), timeMs), text.scrape(AS_TEXT, timeMs));
      assert.deepEqual(proto.series.summary, text.series.summary);
    }
    assert.equal(proto.series.summary.added, 0);
  });

  test('a target that changes the format goes on with its series', () => {
    const target = new PagedTarget();
    target.scrape(AS_TEXT, 1000);
    const points = target.proto(protoPage(...FAMILIES), 2000);
    assert.ok(points.every(({ stale }) => !stale));
    assert.deepEqual(
      points.filter(({ kind }) => kind === 'sum').map(({ startMs }) => startMs),
      [1000, 1000],
    );
    const back = target.scrape(AS_TEXT, 3000);
    assert.equal(back.length, points.length);
    assert.ok(back.every(({ stale }) => !stale));
  });

  test('vanished series are ended, those that change places are known', () => {
    const target = new PagedTarget();
    const [counter, gauge] = FAMILIES;
    target.proto(protoPage(counter!, gauge!), 1000);
    target.proto(protoPage(gauge!, counter!), 2000);
    assert.equal(target.series.summary.added, 0);
    const points = target.proto(protoPage(gauge!), 3000);
    assert.deepEqual(points.map(({ name, stale }) => [name, stale]).sort(), [
      ['c_total', true],
      ['c_total', true],
      ['g', false],
    ]);
  });

  test('created times are start times, and a reset is noticed without them', () => {
    const target = new PagedTarget();
    const counter = (value: number, created?: object): Buffer =>
      protoPage({ name: 'c', type: 'COUNTER', metric: [{ counter: { value, createdTimestamp: created } }] });
    assert.equal(only(target.proto(counter(5, at(0, 500_000_000)), 1000), 'c').startMs, 500);
    const plain = new PagedTarget();
    const starts = [5, 6, 2].map((value, turn) => only(plain.proto(counter(value), (turn + 1) * 1000), 'c').startMs);
    assert.deepEqual(starts, [1000, 1000, 2000]);
    const created = histogram({ ...WORKED, createdTimestamp: at(0, 250_000_000) });
    assert.equal(only(plain.proto(protoPage(created), 5000), 'h').startMs, 250);
  });

  test('exemplars carry trace ids and times', () => {
    const trace = '0123456789abcdef0123456789abcdef';
    const exemplar = { label: labels({ trace_id: trace, user: 'u' }), value: 0.7, timestamp: at(1, 500_000_000) };
    const points = new PagedTarget().proto(
      protoPage(
        { name: 'c', metric: [{ counter: { value: 1, exemplar } }] },
        histogram({
          sampleCount: 1,
          bucket: [{ cumulativeCount: 1, upperBound: 1, exemplar: { ...exemplar, timestamp: undefined } }],
        }),
        histogram({ ...WORKED, exemplars: [exemplar, { ...exemplar, timestamp: undefined }] }, 'n'),
        histogram({ ...WORKED, bucket: [{ cumulativeCount: 1, upperBound: 1, exemplar }] }, 'm'),
      ),
      9000,
    );
    const times = (name: string): unknown[] => only(points, name).exemplars.map(({ timeUnixNano }) => timeUnixNano);
    assert.deepEqual(times('c'), ['1500000000']);
    assert.deepEqual(times('h'), ['9000000000']);
    assert.deepEqual(times('n'), ['1500000000']);
    assert.deepEqual(times('m'), ['1500000000']);
    assert.equal(only(points, 'n').exemplars[0]?.['asDouble'], 0.7);
  });

  test('what is no page fails, wherever it is cut, and the next good one is read', () => {
    const good = protoPage(...FAMILIES, histogram(WORKED, 'n'));
    const target = new PagedTarget();
    const whole = target.proto(good, 1000).length;
    let failed = 0;
    for (let cut = 1; cut < good.length; cut++) {
      try {
        target.read(good.subarray(0, cut), 'protobuf');
      } catch (error) {
        assert.ok(error instanceof ScrapeError && error.reason === 'parse', String(error));
        failed += 1;
      }
    }
    // Between two families it is a shorter page.
    assert.equal(failed, good.length - 1 - FAMILIES.length);
    assert.equal(target.proto(good, 2000).filter(({ stale }) => !stale).length, whole);
  });

  test('any bytes end in a page or a ScrapeError', () => {
    const good = protoPage(...FAMILIES, histogram(WORKED, 'n'));
    const target = new PagedTarget();
    target.proto(good);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.uint8Array({ minLength: 1, maxLength: 4 }), (place, bytes) => {
        const damaged = Buffer.from(good);
        damaged.set(bytes.subarray(0, good.length - place), place);
        try {
          target.proto(damaged);
        } catch (error) {
          assert.ok(error instanceof ScrapeError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  const WRONG: readonly (readonly [string, object, RegExp])[] = [
    ['no name', { type: 'GAUGE' }, /no name/],
    [
      'the value of another type',
      { name: 'a', type: 'GAUGE', metric: [{ counter: { value: 1 } }] },
      /"a" has no gauge value/,
    ],
    [
      'a label without a name',
      { name: 'a', metric: [{ label: [{ value: 'x' }], counter: { value: 1 } }] },
      /cannot be a label name/,
    ],
    [
      'a label twice',
      { name: 'a', metric: [{ label: [...labels({ x: '1' }), ...labels({ x: '2' })], counter: { value: 1 } }] },
      /given twice/,
    ],
  ];
  for (const [what, family, expected] of WRONG) {
    test(`${what} fails the page`, () => assert.throws(() => new PagedTarget().proto(protoPage(family)), expected));
  }

  test('a family under two types fails the page, one that changes its type ends and begins anew', () => {
    const counter = { name: 'a', type: 'COUNTER', metric: [{ counter: { value: 1 } }] };
    const gauge = { name: 'a', type: 'GAUGE', metric: [{ gauge: { value: 1 } }] };
    const target = new PagedTarget();
    assert.throws(() => target.proto(protoPage(counter, gauge)), /two types/);
    target.proto(protoPage(counter), 1000);
    const points = target.proto(protoPage(gauge), 2000);
    assert.deepEqual(points.map(({ kind, stale }) => [kind, stale]).sort(), [
      ['gauge', false],
      ['sum', true],
    ]);
  });

  test('rules and limits work on protobuf pages as on text', () => {
    const relabel = relabelRules(
      relabelConfigs().parse([
        { source_labels: ['__name__', 'le'], regex: 'h_bucket;0\\.5', action: 'drop' },
        { source_labels: ['__name__'], regex: 'n', target_label: '__name__', replacement: 'renamed' },
      ]),
    );
    const target = new PagedTarget({ relabel, sampleLimit: 16 });
    for (const timeMs of [1000, 2000]) {
      const points = target.proto(protoPage(...FAMILIES, histogram(WORKED, 'n')), timeMs);
      assert.deepEqual(only(points, 'h').bounds, [1]);
      assert.equal(only(points, 'renamed').kind, 'exponentialHistogram');
      assert.equal(target.series.summary.dropped, 1);
    }
    const limited = new PagedTarget({ sampleLimit: 2 });
    assert.throws(() => limited.proto(protoPage(...FAMILIES)), { reason: 'sample_limit' });
  });

  test('levels are written as Prometheus writes them', () => {
    for (const [value, expected] of [
      [1, '1.0'],
      [0, '0.0'],
      [-1, '-1.0'],
      [0.005, '0.005'],
      [2.5, '2.5'],
      [100_000, '100000.0'],
      [1_000_000, '1e+06'],
      [1_048_576, '1.048576e+06'],
      [0.0001, '0.0001'],
      [0.00001, '1e-05'],
      [1e300, '1e+300'],
      [Infinity, '+Inf'],
      [Number.NaN, 'NaN'],
    ] as const) {
      assert.equal(levelText(value), expected);
    }
  });
});

suite('native histograms', () => {
  const one = (value: object, rules = {}): Scraped =>
    only(new PagedTarget(rules).proto(protoPage(histogram(value))), 'h');

  test('the worked vector of the specification', () => {
    const point = one(WORKED);
    assert.equal(point.kind, 'exponentialHistogram');
    assert.deepEqual([point.count, point.sum, point.type], [40, 123.5, 'histogram']);
    assert.deepEqual(point.exponential, {
      scale: 3,
      zeroCount: 3,
      zeroThreshold: 1e-128,
      positive: { offset: 3, counts: [10, 0, 0, 20, 5, 2] },
      negative: { offset: 0, counts: [] },
    });
  });

  test('spans of any shape become the counts they stand for', () => {
    const sparse = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 1000 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        fc.integer({ min: -4, max: 8 }),
        fc.integer({ min: -20, max: 20 }),
        sparse,
        sparse,
        (schema, first, up, down) => {
          const counts = new Map<number, number>();
          const spans = (steps: [number, number][]): [object[], number[]] => {
            counts.clear();
            let index = first - 1;
            let before = 0;
            const runs: { offset: number; length: number }[] = [];
            const deltas: number[] = [];
            for (const [step, count] of steps) {
              index += step;
              const last = runs.at(-1);
              if (last !== undefined && step === 1) last.length += 1;
              else {
                // A wide gap comes as a run of no buckets and one of the rest.
                const isSplit = last !== undefined && step > 3;
                if (isSplit) runs.push({ offset: 2, length: 0 });
                runs.push({ offset: last === undefined ? index : step - 1 - (isSplit ? 2 : 0), length: 1 });
              }
              deltas.push(count - before);
              before = count;
              counts.set(index, count);
            }
            return [runs, deltas];
          };
          const expected = (): { offset: number; counts: number[] } => {
            const places = [...counts.keys()];
            if (places.length === 0) return { offset: 0, counts: [] };
            const from = Math.min(...places);
            const length = Math.max(...places) - from + 1;
            return { offset: from - 1, counts: Array.from({ length }, (_, at) => counts.get(from + at) ?? 0) };
          };
          const [positiveSpan, positiveDelta] = spans(up);
          const positive = expected();
          const [negativeSpan, negativeDelta] = spans(down);
          const negative = expected();
          const value = {
            sampleCount: 1e6,
            sampleSum: 1,
            schema,
            zeroThreshold: 0.5,
            positiveSpan,
            positiveDelta,
            negativeSpan,
            negativeDelta,
          };
          const { exponential } = one(value);
          assert.deepEqual(exponential, { scale: schema, zeroCount: 0, zeroThreshold: 0.5, positive, negative });
        },
      ),
      { numRuns: 300 },
    );
  });

  test('what lies above the largest number has no bucket, and is taken from the count', () => {
    const point = one({
      sampleCount: 7,
      schema: 0,
      positiveSpan: [{ offset: 1023, length: 3 }],
      positiveDelta: [1, 1, 2],
    });
    assert.deepEqual([point.count, point.exponential.positive], [3, { offset: 1022, counts: [1, 2] }]);
  });

  test('without observations it is native by its empty span', () => {
    const point = one({ sampleCount: 0, schema: 3, positiveSpan: [{ offset: 0, length: 0 }] });
    assert.deepEqual([point.kind, point.count], ['exponentialHistogram', 0]);
    assert.equal(one({ sampleCount: 0 }).kind, 'histogram');
  });

  test('classic buckets are read when native histograms are not wanted, or both are', () => {
    const both = { ...WORKED, bucket: [{ cumulativeCount: 13, upperBound: 1 }] };
    const classic = one(both, { nativeHistograms: false });
    assert.deepEqual([classic.kind, classic.bounds, classic.bucketCounts], ['histogram', [1], [13, 27]]);
    const points = new PagedTarget({ alwaysClassic: true }).proto(protoPage(histogram(both)));
    assert.deepEqual(points.map(({ kind }) => kind).sort(), ['exponentialHistogram', 'histogram']);
    assert.equal(one(both).kind, 'exponentialHistogram');
  });

  test('a run far below that holds nothing is no gap, and an offset that OTLP cannot hold is errored', () => {
    const at = (offset: number): object => ({
      sampleCount: 1,
      schema: 0,
      positiveSpan: [
        { offset: -(2 ** 31) + 1, length: 0 },
        { offset, length: 1 },
      ],
      positiveDelta: [1],
    });
    assert.deepEqual(one(at(2 ** 31 - 1)).exponential.positive, { offset: -1, counts: [1] });
    assert.deepEqual(one(at(0)).exponential.positive, { offset: -(2 ** 31), counts: [1] });
    const target = new PagedTarget();
    const lowest = { sampleCount: 1, schema: 0, positiveSpan: [{ offset: -(2 ** 31), length: 1 }], positiveDelta: [1] };
    target.read(protoPage(histogram(lowest)), 'protobuf');
    const { batch, errored } = target.series.batch(1000, []);
    assert.deepEqual([batch.items, errored], [0, 1]);
  });

  test('custom buckets (schema -53) have the bounds of the classic ones beside them', () => {
    const custom = {
      sampleCount: 6,
      sampleSum: 9.5,
      schema: -53,
      positiveSpan: [{ offset: 0, length: 3 }],
      positiveDelta: [1, 1, 1],
      bucket: [
        { cumulativeCount: 1, upperBound: 0.5 },
        { cumulativeCount: 3, upperBound: 2 },
      ],
    };
    for (const rules of [{}, { alwaysClassic: true }, { nativeHistograms: false }]) {
      const point = one(custom, rules);
      assert.deepEqual([point.kind, point.count, point.sum], ['histogram', 6, 9.5]);
      assert.deepEqual(
        [point.bounds, point.bucketCounts],
        [
          [0.5, 2],
          [1, 2, 3],
        ],
      );
    }
  });

  test('what OTLP cannot hold is counted as errored, and the rest of the page is kept', () => {
    const span = [{ offset: 0, length: 1 }];
    for (const value of [
      { ...WORKED, schema: -53 },
      { ...WORKED, schema: 9 },
      { ...WORKED, schema: -5 },
      { ...WORKED, positiveDelta: [10, 10, -25, -3] },
      { ...WORKED, positiveDelta: [10, 10] },
      { ...WORKED, positiveDelta: [10, 10, -15, -3, 1] },
      { ...WORKED, positiveSpan: [...WORKED.positiveSpan, { offset: -1, length: 0 }] },
      { sampleCount: 2, schema: 0, positiveSpan: [...span, { offset: 2 ** 31 - 1, length: 1 }], positiveDelta: [1, 0] },
      { sampleCountFloat: 1.5, schema: 0, positiveSpan: span, positiveCount: [1.5] },
    ]) {
      const target = new PagedTarget();
      target.read(protoPage(histogram(value), FAMILIES[0]!), 'protobuf');
      const { batch, errored } = target.series.batch(1000, []);
      assert.deepEqual([batch.items, errored], [2, 1], JSON.stringify(value));
    }
    const gauge = { name: 'g', type: 'GAUGE_HISTOGRAM', metric: [{ histogram: WORKED }] };
    const target = new PagedTarget();
    target.read(protoPage(gauge), 'protobuf');
    assert.deepEqual(target.series.batch(1000, []).errored, 1);
  });

  test('a vanished native histogram is ended, and a lower count is a reset', () => {
    const target = new PagedTarget();
    target.proto(protoPage(histogram(WORKED)), 1000);
    assert.equal(only(target.proto(protoPage(histogram(WORKED)), 2000), 'h').startMs, 1000);
    const less = { sampleCount: 3, schema: 3, zeroThreshold: 1e-128, zeroCount: 3 };
    assert.equal(only(target.proto(protoPage(histogram(less)), 3000), 'h').startMs, 2000);
    const end = only(target.proto(protoPage(), 4000), 'h');
    assert.deepEqual([end.kind, end.stale, end.count ?? 0], ['exponentialHistogram', true, 0]);
  });
});

suite('negotiating protobuf', () => {
  const WITH_PROTO =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';

  test('scrape_native_histograms asks for protobuf first, and reads what comes', async () => {
    await using target = await pageTarget(page(protoPage(histogram(WORKED)), { 'content-type': PROTOBUF }));
    await using scraping = await Scraping.on(target, { scrape_native_histograms: true });
    const points = await scraping.scrape();
    assert.equal(only(points, 'h').kind, 'exponentialHistogram');
    assert.equal(only(points, 'scrape_samples_scraped').value, 1);
    assert.equal(target.requests[0]?.headers.accept, WITH_PROTO);
    target.answer = page('h 1\n');
    const text = await scraping.scrape();
    assert.equal(text.find(({ name, stale }) => name === 'h' && !stale)?.value, 1);
  });

  test('scrape_protocols decides what is asked for; without native histograms classic buckets are read', async () => {
    await using target = await pageTarget(page(protoPage(histogram(WORKED)), { 'content-type': PROTOBUF }));
    await using scraping = await Scraping.on(target, { scrape_protocols: ['PrometheusProto', 'PrometheusText0.0.4'] });
    assert.equal(only(await scraping.scrape(), 'h').kind, 'histogram');
    assert.match(
      String(target.requests[0]?.headers.accept),
      /^application\/vnd\.google\.protobuf;[^,]*;q=0\.6,text\/plain;version=0\.0\.4;q=0\.5,\*\/\*;q=0\.4$/,
    );
  });

  test('other messages and other ways to write them are refused', async () => {
    await using target = await pageTarget(page(''));
    await using scraping = await Scraping.on(target);
    for (const type of [PROTOBUF.replace('delimited', 'compact-text'), PROTOBUF.replace('MetricFamily', 'Other')]) {
      target.answer = page(protoPage(), { 'content-type': type });
      assert.equal(only(await scraping.scrape(), 'up').value, 0);
    }
    assert.equal(scraping.value('remora_scrape_failures', { reason: 'content_type' }), 2);
  });
});
