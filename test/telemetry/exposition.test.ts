import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricSpec } from '../../src/core/meter.ts';
import { makeExposition } from '../../src/telemetry/exposition.ts';
import { Registry } from '../../src/telemetry/registry.ts';

const SENT: MetricSpec = { name: 'otelcol_exporter_sent_spans', help: 'Sent.', kind: 'counter', labels: ['exporter'] };
const SIZE: MetricSpec = { name: 'otelcol_exporter_queue_size', help: 'Size.', kind: 'gauge', labels: ['exporter'] };
const TIME: MetricSpec = { name: 'remora_seconds', help: 'Time.', kind: 'histogram', labels: ['x'], buckets: [0.1, 1] };

async function pageOf(registry: Registry, withTypeSuffix = true): Promise<string[]> {
  const exposition = await makeExposition(registry, { withTypeSuffix });
  return (await exposition.text()).split('\n').filter((line) => line !== '' && !line.startsWith('# HELP'));
}

test('counters end in _total unless the setting drops the suffix', async () => {
  const registry = new Registry();
  registry.counter(SENT, { exporter: 'otlp' }).value += 42;
  assert.deepEqual(await pageOf(registry), [
    '# TYPE otelcol_exporter_sent_spans_total counter',
    'otelcol_exporter_sent_spans_total{exporter="otlp"} 42',
  ]);
  assert.ok((await pageOf(registry, false)).includes('otelcol_exporter_sent_spans{exporter="otlp"} 42'));
});

test('gauges are read when scraped and can be taken away', async () => {
  const registry = new Registry();
  let size = 1;
  registry.gauge(SIZE, { exporter: 'otlp' }, () => size);
  size = 7;
  assert.ok((await pageOf(registry)).includes('otelcol_exporter_queue_size{exporter="otlp"} 7'));
  registry.gauge(SIZE, { exporter: 'otlp' }, undefined);
  assert.ok(!(await pageOf(registry)).some((line) => line.startsWith('otelcol_exporter_queue_size{')));
});

test('histograms have cumulative buckets, sum and count', async () => {
  const registry = new Registry();
  const seconds = registry.histogram(TIME, { x: 'a' });
  for (const value of [0.05, 0.1, 0.5, 3]) seconds.observe(value);
  assert.deepEqual(await pageOf(registry), [
    '# TYPE remora_seconds histogram',
    'remora_seconds_bucket{x="a",le="0.1"} 2',
    'remora_seconds_bucket{x="a",le="1"} 3',
    'remora_seconds_bucket{x="a",le="+Inf"} 4',
    'remora_seconds_sum{x="a"} 3.65',
    'remora_seconds_count{x="a"} 4',
  ]);
});

test('a declared metric is on the page before it has a series', async () => {
  const registry = new Registry();
  registry.declare([SENT, SIZE]);
  assert.deepEqual(await pageOf(registry), [
    '# TYPE otelcol_exporter_sent_spans_total counter',
    '# TYPE otelcol_exporter_queue_size gauge',
  ]);
});

test('the same spec and labels give the same count', () => {
  const registry = new Registry();
  registry.counter(SENT, { exporter: 'a' }).value += 1;
  registry.counter(SENT, { exporter: 'a' }).value += 1;
  registry.counter(SENT, { exporter: 'b' }).value += 1;
  assert.equal(registry.value('otelcol_exporter_sent_spans', { exporter: 'a' }), 2);
  assert.equal(registry.total('otelcol_exporter_sent_spans'), 3);
});

test('series that come and go are made up when they are read', async () => {
  const registry = new Registry();
  const files = new Map([['a\n"b"', 3]]);
  const spec: MetricSpec = { name: 'remora_bytes', help: 'Bytes.', kind: 'gauge', labels: ['x', 'file'] };
  registry.gaugeSeries(spec, { x: '1' }, () => Array.from(files, ([file, bytes]) => [{ file }, bytes]));
  assert.ok((await pageOf(registry)).includes('remora_bytes{x="1",file="a\\n\\"b\\""} 3'));
  files.clear();
  files.set('c', 4).set('d', 5);
  assert.equal(registry.total('remora_bytes'), 9);
  assert.equal(registry.value('remora_bytes', { x: '1', file: 'd' }), 5);
  assert.equal(registry.value('remora_bytes', { x: '1', file: 'a' }), undefined);
  assert.equal((await pageOf(registry)).length, 3);
});
