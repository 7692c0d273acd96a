import * as z from 'zod';
import { defineProcessor } from '../core/component.ts';
import type { MetricSpec } from '../core/meter.ts';
import { duration } from '../core/settings.ts';
import { Batcher } from './batcher.ts';

const SEND_SIZE: MetricSpec = {
  name: 'otelcol_processor_batch_batch_send_size',
  help: 'Number of units in the batch.',
  kind: 'histogram',
  labels: ['processor'],
  buckets: [
    10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
    50_000, 100_000,
  ],
};
const SEND_BYTES: MetricSpec = {
  name: 'otelcol_processor_batch_batch_send_size_bytes',
  help: 'Number of bytes in batch that was sent.',
  kind: 'histogram',
  labels: ['processor'],
  buckets: [
    10, 100, 1000, 10_000, 20_000, 30_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
    9_000_000,
  ],
};
const SIZE_TRIGGER: MetricSpec = {
  name: 'otelcol_processor_batch_batch_size_trigger_send',
  help: 'Number of times the batch was sent due to a size trigger.',
  kind: 'counter',
  labels: ['processor'],
};
const TIMEOUT_TRIGGER: MetricSpec = {
  name: 'otelcol_processor_batch_timeout_trigger_send',
  help: 'Number of times the batch was sent due to a timeout trigger.',
  kind: 'counter',
  labels: ['processor'],
};

const config = () =>
  z
    .strictObject({
      send_batch_size: z
        .number()
        .int()
        .nonnegative()
        .default(8192)
        .describe('Sends as soon as this much waits, in the unit of sizer; 0 leaves it to the timeout.'),
      timeout: duration().prefault('200ms').describe('Sends what waits after this time; 0 sends at once.'),
      send_batch_max_size: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('No request is larger than this, in the unit of sizer; 0 is no limit.'),
      metadata_keys: z
        .array(z.string())
        .max(0, 'batches are not divided by client metadata; remove the keys')
        .default([])
        .describe('Must be empty: batches are not divided by client metadata, which is gone once they are joined.'),
      metadata_cardinality_limit: z
        .number()
        .int()
        .nonnegative()
        .default(1000)
        .describe('Has no effect, because metadata_keys is empty.'),
      sizer: z.enum(['items', 'bytes']).default('items').describe('Ours: what the two sizes count.'),
      flush_jitter: z
        .number()
        .min(0)
        .max(1)
        .default(0.1)
        .describe(
          'Ours: each flush falls uniformly inside plus or minus this fraction of timeout, the first one anywhere before.',
        ),
    })
    .refine((value) => value.send_batch_max_size === 0 || value.send_batch_max_size >= value.send_batch_size, {
      path: ['send_batch_max_size'],
      message: 'must be 0 or at least send_batch_size',
    });

/**
 * Gathers batches into larger ones. A sender waits for the verdict on the request that its batch went out in, so
 * nothing is answered as taken that is not; what a queue further on accepts is the queue's from then on.
 */
export const batchProcessor = defineProcessor({
  type: 'batch',
  summary: 'Gathers batches into larger requests; senders learn what became of them.',
  signals: ['traces', 'metrics', 'logs'],
  config,
  metrics: [SEND_SIZE, SEND_BYTES, SIZE_TRIGGER, TIMEOUT_TRIGGER],
  metadata: () => 'drops',
  create(settings, context) {
    const labels = { processor: context.id };
    return new Batcher(settings, context, {
      size: context.meter.histogram(SEND_SIZE, labels),
      bytes: context.meter.histogram(SEND_BYTES, labels),
      bySize: context.meter.counter(SIZE_TRIGGER, labels),
      byTimeout: context.meter.counter(TIMEOUT_TRIGGER, labels),
    });
  },
});
