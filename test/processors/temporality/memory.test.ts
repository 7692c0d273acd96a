import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cumulativeToDeltaProcessor } from '../../../src/processors/cumulative-to-delta/index.ts';
import { metricBatch, type MetricPoint } from '../../support/metric-points.ts';
import { Rig } from './rig.ts';

const SERIES = 2000;
/** The default of SDKs for seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

test('a histogram as SDKs make them takes less than 200 bytes', async () => {
  const rig = Rig.of(cumulativeToDeltaProcessor);
  const point = (series: number): MetricPoint => ({
    metric: 'http.server.request.duration',
    kind: 'histogram',
    temporality: 'cumulative',
    resource: { 'service.name': 'shop' },
    attributes: [['route', `/${series}`]],
    start: 1,
    time: 2,
    value: 15_000,
    sum: 123.456,
    buckets: Array.from({ length: BOUNDS.length + 1 }, (_, at) => at * 100 + series),
    bounds: BOUNDS,
  });
  await rig.mustTake(metricBatch(Array.from({ length: SERIES }, (_, series) => point(series))));
  const each = rig.context.meter.total('remora_temporality_state_bytes') / SERIES;
  assert.ok(each < 200, `${Math.round(each)} bytes`);
});
