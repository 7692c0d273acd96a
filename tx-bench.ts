import { bed, batchOf, requestOf, int, sum, histogram, buckets, never } from './test/processors/metrics-transform/bed.ts';
import { CollectingConsumer } from './test/support/context.ts';
import { freeBytes } from './src/core/reuse.ts';
const labels = (m: number, i: number) => ({ method: 'GET', route: `/api/items/${i % 50}`, status: `${200 + (i % 5)}`, instance_zone: `zone-${i % 4}`, pod: `p${i}` });
const metrics = Array.from({ length: 20 }, (_, m) => sum(`app_requests_${m}_total`, ...Array.from({ length: 50 }, (_, i) => int(1, 2, i * 7, labels(m, i)))));
const small = Array.from({ length: 1000 }, (_, m) => sum(`app_requests_${m}_total`, int(1, 2, m, labels(m, m))));
const cases: [string, unknown[]][] = [
  ['none match', [{ include: 'x', action: 'update', new_name: 'y' }]],
  ['rename', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', new_name: 'shop_${1}' }]],
  ['rename+add_label', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', new_name: 'shop_${1}', operations: [{ action: 'add_label', new_label: 'env', new_value: 'prod' }] }]],
  ['update_label values', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', operations: [{ action: 'update_label', label: 'status', new_label: 'code', value_actions: [{ value: '200', new_value: 'ok' }] }] }]],
  ['scale', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', operations: [{ action: 'experimental_scale_value', experimental_scale: 2 }] }]],
  ['aggregate', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', operations: [{ action: 'aggregate_labels', label_set: ['method', 'route', 'status'], aggregation_type: 'sum' }] }]],
  ['aggregate to 5', [{ include: '^app_(.*)$', match_type: 'regexp', action: 'update', operations: [{ action: 'aggregate_labels', label_set: ['status'], aggregation_type: 'sum' }] }]],
];
for (const [shape, set] of [['20x50', metrics], ['1000x1', small]] as const) {
  const request = requestOf(set as never);
  for (const [name, transforms] of cases) {
    const { processor, next } = await bed(transforms);
    const run = async (n: number) => {
      for (let i = 0; i < n; i++) {
        await processor.consume(batchOf(request), never);
        const b = next.batches.pop();
        if (b) freeBytes(b);
      }
    };
    await run(300);
    const from = process.cpuUsage().user;
    const N = 1500;
    await run(N);
    const s = (process.cpuUsage().user - from) / 1e6;
    console.log(shape, name.padEnd(22), ((N * 1000) / s / 1e6).toFixed(2), 'M points/CPU-s', request.length);
  }
}
void CollectingConsumer; void histogram; void buckets;
