import * as z from 'zod';
import { exporterRateLimitShape, type RateLimitSettings } from './rate-limit.ts';
import { byteSize, duration } from './settings.ts';
import { upstreamCareShape, type UpstreamCareSettings } from './upstream-care.ts';

/** The settings that the host applies around every exporter: the Collector's exporterhelper keys, and ours. */

const sizer = z.enum(['requests', 'items', 'bytes']);
export type Sizer = z.output<typeof sizer>;

const batchFields = z.strictObject({
  flush_timeout: duration().prefault('200ms').describe('Sends what has gathered after this time.'),
  min_size: z.number().int().nonnegative().default(8192).describe('Sends as soon as this much has gathered.'),
  max_size: z.number().int().nonnegative().default(0).describe('Splits larger batches; 0 is no limit.'),
  sizer: z.enum(['items', 'bytes']).default('items').describe('What min_size and max_size count.'),
});

const batchSettings = batchFields.superRefine((batch, context) => {
  const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
  if (batch.flush_timeout <= 0) issue('flush_timeout', 'must be more than 0, or what gathers would wait for ever');
  if (batch.max_size > 0 && batch.max_size < batch.min_size) {
    issue('max_size', `must be at least min_size (${batch.min_size}), or 0 for no limit`);
  }
});

const queueFields = z.strictObject({
  enabled: z.boolean().default(true).describe('Without a queue, senders wait for the upstream.'),
  num_consumers: z.number().int().positive().default(10).describe('Requests in flight to the upstream at most.'),
  queue_size: z.number().int().positive().default(1000).describe('Capacity, in the unit of sizer.'),
  sizer: sizer.default('requests').describe('What queue_size counts: requests, items or bytes.'),
  max_bytes: byteSize()
    .prefault('32MiB')
    .describe('Ours: bound in bytes that holds whatever the sizer is. An exporter has one queue for each signal.'),
  block_on_overflow: z.boolean().default(false).describe('Wait for room instead of pushing back at once.'),
  wait_for_result: z.boolean().default(false).describe('Answer senders only when the upstream has answered.'),
  storage: z.string().optional().describe('Accepted with a warning; the queue is in memory.'),
  optional: z
    .boolean()
    .default(false)
    .describe('Ours: never stalls other exporters; what does not fit is dropped and counted.'),
  batch: batchSettings
    .nullable()
    .transform((batch) => batch ?? batchSettings.parse({}))
    .optional()
    .describe('Gathers requests into larger ones; off when absent.'),
});

/** What the fields of a queue allow one by one but not together. */
function checkQueue(queue: z.output<typeof queueFields>, context: z.RefinementCtx): void {
  const issue = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (!queue.enabled) return;
  if (queue.max_bytes === 0) issue(['max_bytes'], 'must be more than 0');
  if (queue.wait_for_result && queue.storage !== undefined) {
    issue(['wait_for_result'], 'cannot be combined with storage: a queue on disk answers once the data is on disk');
  }
  if (queue.batch?.sizer === queue.sizer && queue.batch.min_size > queue.queue_size) {
    issue(['batch', 'min_size'], `must not be more than queue_size (${queue.queue_size}): it would never gather`);
  }
}

export const sendingQueueSettings = queueFields.superRefine(checkQueue);

export const retrySettings = z.strictObject({
  enabled: z.boolean().default(true).describe('Without retries, data the upstream cannot take now is dropped.'),
  initial_interval: duration().prefault('5s').describe('Upper bound of the first wait.'),
  randomization_factor: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('1 is full jitter (our default): each wait falls uniformly between 0 and the interval.'),
  multiplier: z.number().min(1).default(1.5).describe('Growth of the interval from try to try.'),
  max_interval: duration().prefault('30s').describe('Upper bound of the interval.'),
  max_elapsed_time: duration().prefault('5m').describe('Gives up after this time; 0 never does.'),
});

/** Spread into the `z.strictObject` of an exporter. `timeoutDefault` is the Collector's default for that exporter. */
export function sendingShape(timeoutDefault: string) {
  return {
    timeout: duration().prefault(timeoutDefault).describe('How long one attempt may take; 0 is no limit.'),
    sending_queue: sendingQueueSettings.prefault({}).describe('The queue in front of the exporter.'),
    retry_on_failure: retrySettings.prefault({}).describe('What happens when the upstream cannot take data now.'),
    ...upstreamCareShape(),
    flush_jitter: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe('Ours: each flush falls uniformly inside plus or minus this fraction of flush_timeout.'),
    ...exporterRateLimitShape,
  };
}

export type SendingQueueSettings = z.output<typeof sendingQueueSettings>;
export type BatchSettings = z.output<typeof batchSettings>;
export type RetrySettings = z.output<typeof retrySettings>;

export interface SendingSettings extends UpstreamCareSettings {
  readonly timeout: number;
  readonly sending_queue: SendingQueueSettings;
  readonly retry_on_failure: RetrySettings;
  readonly flush_jitter: number;
  readonly rate_limit?: RateLimitSettings | undefined;
}
