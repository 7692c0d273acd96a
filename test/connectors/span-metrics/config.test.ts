import assert from 'node:assert/strict';
import { test } from 'node:test';
import { components } from '../../../src/components.ts';
import { spanMetricsConnector } from '../../../src/connectors/span-metrics/index.ts';
import { load } from '../../config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

async function problemsOf(settings: string): Promise<string[]> {
  const text = `receivers: {otlp: {protocols: {http: }}}
exporters: {debug: }
connectors:
  spanmetrics: ${settings}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [spanmetrics]}
    metrics: {receivers: [spanmetrics], exporters: [debug]}
`;
  const loaded = await load({ 'a.yaml': text }, { catalog: components });
  return loaded.ok ? [] : loaded.problems.map(formatProblem);
}

test('a configuration of the Collector is taken as it is', async () => {
  const settings = `
    histogram: { explicit: { buckets: [100us, 1ms, 2ms, 6ms, 10ms, 100ms, 250ms] }, unit: s }
    dimensions: [{ name: http.method, default: GET }, { name: http.status_code }]
    exemplars: { enabled: true, max_per_data_point: 3 }
    exclude_dimensions: ['status.code', 'collector.instance.id']
    aggregation_temporality: "AGGREGATION_TEMPORALITY_DELTA"
    aggregation_cardinality_limit: 500
    resource_metrics_cache_size: 100
    metrics_flush_interval: 15s
    metrics_expiration: 5m
    series_expiration: 1m
    namespace: span.metrics
    resource_metrics_key_attributes: [service.name, telemetry.sdk.language]
    include_instrumentation_scope: [express]
    events: { enabled: false }`;
  assert.deepEqual(await problemsOf(settings), []);
  assert.deepEqual(await problemsOf('{ histogram: { exponential: } }'), []);
  assert.deepEqual(await problemsOf(''), []);
});

test('what contradicts itself or cannot be is an error that says what to do', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{ dimensions: [{ name: span.kind }] }', 'dimensions[0].name: "span.kind" is a dimension already; remove it'],
    [
      '{ dimensions: [{ name: a }], calls_dimensions: [{ name: a }] }',
      'calls_dimensions[0].name: "a" is a dimension already; remove it',
    ],
    [
      '{ histogram: { dimensions: [{ name: b }, { name: b }] } }',
      'histogram.dimensions[1].name: "b" is a dimension already; remove it',
    ],
    ['{ exclude_dimensions: [span.nam] }', 'exclude_dimensions[0]: "span.nam" is no default dimension; those are'],
    [
      '{ histogram: { explicit: , exponential: } }',
      'histogram: has both explicit and exponential buckets; remove one of them',
    ],
    [
      '{ histogram: { explicit: { buckets: [2ms, 1ms] } } }',
      'histogram.explicit.buckets[1]: is not more than the one before it',
    ],
    ['{ histogram: { unit: us } }', 'histogram.unit'],
    ['{ histogram: { exponential: { max_size: 1 } } }', 'histogram.exponential.max_size'],
    [
      '{ events: { enabled: true, dimensions: [{ name: exception.type }] } }',
      'events.enabled: events of spans are not counted; remove it',
    ],
    ['{ exemplars: { enabled: true }, histogram: { disable: true } }', 'exemplars.enabled: durations have exemplars'],
    ['{ metrics_flush_interval: 0s }', 'metrics_flush_interval: must be more than 0'],
    ['{ aggregation_cardinality_limit: 0 }', 'aggregation_cardinality_limit: expected at least 1, found the number 0'],
    ['{ aggregation_temporality: DELTA }', 'aggregation_temporality'],
    [
      '{ add_resource_attributes: false, resource_metrics_key_attributes: [service.name] }',
      'resource_metrics_key_attributes: tells resources apart',
    ],
    [
      '{ dimensions_cache_size: 1000 }',
      'dimensions_cache_size: this key is not supported; use aggregation_cardinality_limit',
    ],
    ['{ metric_timestamp_cache_size: 1000 }', 'metric_timestamp_cache_size: this key is not supported; '],
  ];
  for (const [settings, expected] of cases) {
    const problems = await problemsOf(settings);
    assert.equal(problems.length, 1, `${settings}: ${problems.join('\n')}`);
    assert.ok(problems[0]?.includes(`connectors.spanmetrics.${expected}`), `${settings}: ${problems[0] ?? ''}`);
  }
});

test('the memory that it claims grows with its limit, its buckets and its exemplars', () => {
  const claimed = (raw: object): number => {
    const parsed = spanMetricsConnector.parse(raw);
    assert.ok(parsed.ok);
    const [claim] = parsed.prepared.memory ?? [];
    assert.equal(claim?.share, 'caches');
    return claim.bytes;
  };
  const usual = claimed({});
  assert.ok(usual > 2 ** 20 && usual < 16 * 2 ** 20, `${usual}`);
  assert.ok(claimed({ aggregation_cardinality_limit: 4000 }) > usual * 1.4);
  // What is beyond the limit has a series in each resource, whose buckets may be many.
  const wide = { aggregation_cardinality_limit: 10, histogram: { exponential: { max_size: 16_384 } } };
  assert.ok(claimed(wide) > 1000 * 16_384 * 8);
  assert.ok(claimed({ ...wide, resource_metrics_cache_size: 10 }) < claimed(wide) / 20);
  assert.ok(claimed({ calls_dimensions: [{ name: 'a' }] }) > usual);
  assert.ok(claimed({ histogram: { exponential: {} } }) > usual);
  assert.ok(claimed({ histogram: { disable: true } }) < usual);
  assert.ok(claimed({ exemplars: { enabled: true } }) > usual);
});
