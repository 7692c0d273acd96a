import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Labels, MetricSpec } from '../../src/core/meter.ts';
import { makeExposition } from '../../src/telemetry/exposition.ts';
import { LABEL_LIMIT, SERIES_LIMIT } from '../../src/telemetry/family.ts';
import { meterRegistry } from '../../src/telemetry/registry-metrics.ts';
import { Registry } from '../../src/telemetry/registry.ts';

const spec = (kind: MetricSpec['kind'], name: string): MetricSpec => ({ name, help: 'x', kind, labels: ['a', 'b'] });
const HITS = spec('counter', 'remora_hits');
const SIZE = spec('gauge', 'remora_size');
const TIME = { ...spec('histogram', 'remora_seconds'), buckets: [1] };
const OTHER = { a: '_other', b: '_other' };

async function linesOf(registry: Registry, name: string): Promise<string[]> {
  const page = await (await makeExposition(registry, { withTypeSuffix: true })).text();
  return page.split('\n').filter((line) => line.startsWith(`${name}{`));
}

test('counts beyond the limit are one count, whose sum with the others stays right', async () => {
  const registry = new Registry();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < SERIES_LIMIT + 500; i++) registry.counter(HITS, { a: `a${i}`, b: 'x' }).value += 1;
  }
  assert.equal(registry.value('remora_hits', { a: 'a0', b: 'x' }), 2);
  assert.equal(registry.value('remora_hits', OTHER), 1000);
  assert.equal(registry.total('remora_hits'), 2 * (SERIES_LIMIT + 500));
  assert.equal((await linesOf(registry, 'remora_hits_total')).length, SERIES_LIMIT + 1);
});

test('histograms beyond the limit are one histogram', () => {
  const registry = new Registry();
  for (let i = 0; i < SERIES_LIMIT + 9; i++) registry.histogram(TIME, { a: `a${i}` }).observe(0.5);
  assert.equal(registry.value('remora_seconds', OTHER), 9);
  assert.equal(registry.total('remora_seconds'), SERIES_LIMIT + 9);
});

test('values that live elsewhere are left out beyond the limit, until others make room, and it is told how many', async () => {
  const registry = new Registry();
  meterRegistry(registry);
  const labels = (i: number): Labels => ({ a: `a${i}` });
  for (let i = 0; i < SERIES_LIMIT + 3; i++) registry.gauge(SIZE, labels(i), () => i);
  assert.equal(registry.value('remora_size', labels(SERIES_LIMIT)), undefined);
  assert.equal((await linesOf(registry, 'remora_size')).length, SERIES_LIMIT);
  assert.deepEqual(await linesOf(registry, 'remora_telemetry_left_out_series'), [
    'remora_telemetry_left_out_series{metric="remora_size"} 3',
  ]);
  registry.gauge(SIZE, labels(0), undefined);
  registry.gauge(SIZE, labels(SERIES_LIMIT), () => 7);
  assert.equal(registry.value('remora_size', labels(SERIES_LIMIT)), 7);
});

test('series that are made up when they are read are bounded too', async () => {
  const registry = new Registry();
  meterRegistry(registry);
  let many = SERIES_LIMIT * 2;
  registry.gaugeSeries(SIZE, { a: 'x' }, () => Array.from({ length: many }, (_, i) => [{ b: `b${i}` }, i] as const));
  const shown = (await linesOf(registry, 'remora_size')).length;
  assert.ok(shown <= SERIES_LIMIT + 1, String(shown));
  assert.equal(registry.value('remora_telemetry_left_out_series', { metric: 'remora_size' }), many - shown);
  many = 10;
  assert.equal((await linesOf(registry, 'remora_size')).length, 10);
  assert.deepEqual(await linesOf(registry, 'remora_telemetry_left_out_series'), []);
});

test('a label value has a bounded length', async () => {
  const registry = new Registry();
  const long = 'x'.repeat(1_000_000);
  registry.counter(HITS, { a: long, b: '' }).value += 1;
  registry.counter(HITS, { a: `${long}y`, b: '' }).value += 1;
  registry.gauge(SIZE, { a: long, b: '' }, () => 1);
  const [line = '', ...others] = [
    ...(await linesOf(registry, 'remora_hits_total')),
    ...(await linesOf(registry, 'remora_size')),
  ];
  assert.equal(others.length, 1);
  assert.ok(line.length < LABEL_LIMIT + 100);
  assert.match(line, / 2$/);
});
