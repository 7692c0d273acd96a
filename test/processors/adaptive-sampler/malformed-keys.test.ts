import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch, type Batch } from '../../../src/core/batch.ts';
import { randomId, SamplerBed, spanBatch } from './sampler-bed.ts';

const LABELS = { processor: 'adaptive_sampler', pipeline: 'traces', signal: 'traces' };

/** A span whose route is a text that is longer than what it is in. */
function malformedRoute(bed: SamplerBed, route: string): Batch {
  const batch = spanBatch([{ route, traceId: randomId(bed.random) }]);
  const bytes = Buffer.from(batch.chunks[0] ?? []);
  bytes[bytes.indexOf(route) - 1] = 0x7f;
  return makeBatch('traces', [bytes], 1);
}

test('a value that nobody can read is a key like any other, and takes one number', async () => {
  const bed = new SamplerBed({ items_per_second: 1000, max_keys: 5 });
  for (let times = 0; times < 20; times++) assert.equal((await bed.send(malformedRoute(bed, '/bad'))).length, 1);
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_keys', LABELS), 1);
  await bed.send(malformedRoute(bed, '/worse'));
  await bed.send(spanBatch([{ route: '/good', traceId: randomId(bed.random) }]));
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_keys', LABELS), 3);
  assert.equal(bed.context.meter.value('remora_adaptive_sampler_other_items', LABELS), 0);
  const labels = bed.context.meter.made('remora_sampling_ratio_asked').map(([{ key }]) => key);
  assert.deepEqual(labels, ['shop (malformed)', 'shop /good']);
});
