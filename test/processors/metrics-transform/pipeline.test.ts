import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'yaml';
import { double, expected, histogram, buckets, sum, transform, type Labels } from './bed.ts';

const FILE = new URL('../../../pipelines/metrics-transform.yaml', import.meta.url);

test('pipelines/metrics-transform.yaml does what it says', async () => {
  // As it is once the dollars are read.
  const text = (await readFile(FILE, 'utf8')).replaceAll('$$', '$');
  const { processors } = parse(text) as { processors: { metrics_transform: { transforms: unknown[] } } };
  const point = (value: number, labels: Labels) => double(1, 2, value, labels);
  const request = { method: 'GET', route: '/' };
  const result = await transform(processors.metrics_transform.transforms, [
    histogram(
      'http_server_request_duration_ms',
      buckets(1, 2, { count: 3, sum: 1500, bounds: [250, 1000], counts: [1, 1, 1] }),
    ),
    sum(
      'http_requests_total',
      point(1, { ...request, status: '200', pod: 'a' }),
      point(2, { ...request, status: '200', pod: 'b' }),
      point(4, { ...request, status: '204', pod: 'a' }),
      point(8, { ...request, status: '500', pod: 'a' }),
    ),
  ]);
  assert.deepEqual(
    result,
    expected([
      histogram(
        'http_server_request_duration_seconds',
        buckets(1, 2, { count: 3, sum: 1.5, bounds: [0.25, 1], counts: [1, 1, 1] }),
      ),
      sum(
        'http_requests_total',
        point(3, { ...request, status: '200' }),
        point(4, { ...request, status: '204' }),
        point(8, { ...request, status: '500' }),
      ),
      sum('http_requests_by_outcome_total', point(7, { outcome: 'ok' }), point(8, { outcome: '500' })),
    ]),
  );
});
