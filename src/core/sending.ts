import * as z from 'zod';
import { exporterRateLimitShape, type RateLimitSettings } from './rate-limit.ts';
import { byteSize, duration } from './settings.ts';
import { upstreamCareShape, type UpstreamCareSettings } from './upstream-care.ts';

/** The settings that the host applies around every exporter: the Collector's exporterhelper keys, and ours. */

const sizer = () => z.enum(['requests', 'items', 'bytes']);
export type Sizer = z.output<ReturnType<typeof sizer>>;

const batchFields = () =>
  z.strictObject({
    flush_timeout: duration().prefault('200ms').describe('Sends what has gathered after this time.'),
    min_size: z.number().int().nonnegative().default(8192).describe('Sends as soon as this much has gathered.'),
    max_size: z.number().int().nonnegative().default(0).describe('Splits larger batches; 0 is no limit.'),
    sizer: z.enum(['items', 'bytes']).default('items').describe('What min_size and max_size count.'),
  });

const batchSettings = () =>
  batchFields().superRefine((batch, context) => {
    const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
    if (batch.flush_timeout <= 0) issue('flush_timeout', 'must be more than 0, or what gathers would wait for ever');
    if (batch.max_size > 0 && batch.max_size < batch.min_size) {
      issue('max_size', `must be at least min_size (${batch.min_size}), or 0 for no limit`);
    }
  });

const overflow = () => z.enum(['push_back', 'drop_oldest', 'drop_newest']);
export type OverflowPolicy = z.output<ReturnType<typeof overflow>>;

const queueFields = () =>
  z.strictObject({
    enabled: z.boolean().default(true).describe('Without a queue, senders wait for the upstream.'),
    num_consumers: z.number().int().positive().default(10).describe('Requests in flight to the upstream at most.'),
    queue_size: z
      .number()
      .int()
      .positive()
      .optional()
      .describe('Capacity, in the unit of sizer. Default 1000; ours: with storage and sizer bytes max_bytes, 1 GiB.'),
    sizer: sizer()
      .optional()
      .describe(
        'What queue_size counts: requests, items or bytes. Default requests; ours: bytes with storage when queue_size is not written.',
      ),
    max_bytes: byteSize()
      .optional()
      .describe(
        'Ours: bound in bytes that holds whatever the sizer is, in memory 32 MiB, with storage on disk 1 GiB or a larger queue_size in bytes. An exporter has one queue for each signal.',
      ),
    block_on_overflow: z.boolean().default(false).describe('Wait for room instead of pushing back at once.'),
    overflow: overflow()
      .optional()
      .describe(
        'Ours: what a full queue does: push_back (default) tells senders to retry, drop_oldest and drop_newest make room and count what they drop.',
      ),
    optional: z
      .boolean()
      .default(false)
      .describe(
        'Ours: never stalls other exporters; what does not fit is dropped and counted: the newest, or the oldest with overflow drop_oldest.',
      ),
    wait_for_result: z.boolean().default(false).describe('Answer senders only when the upstream has answered.'),
    storage: z
      .string()
      .min(1)
      .optional()
      .describe('Id of a storage extension such as file_storage: the queue is on disk and outlives the process.'),
    storage_use: z
      .enum(['always', 'overflow'])
      .optional()
      .describe(
        'Ours: always (default) keeps everything on disk; overflow only what memory_bytes cannot hold, and a kill loses what is in memory.',
      ),
    memory_bytes: byteSize()
      .optional()
      .describe(
        'Ours: how much of a queue on disk is also kept in memory, so that data sent at once is not read again (4 MiB); with storage_use overflow, how much is in memory before the disk is used (32 MiB).',
      ),
    fresh_first: z
      .boolean()
      .default(false)
      .describe('Ours: fresh data overtakes a backlog, which keeps every fourth turn.'),
    batch: batchSettings()
      .nullable()
      .transform((batch) => batch ?? batchSettings().parse({}))
      .optional()
      .describe('Gathers requests into larger ones; off when absent.'),
  });

type QueueFields = z.output<ReturnType<typeof queueFields>>;

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const DISK_CACHE_BYTES = 4 * MIB;
const MEMORY_BYTES = 32 * MIB;

/** A queue with every default resolved, those that depend on other settings too. */
export interface SendingQueueSettings extends QueueFields {
  readonly sizer: Sizer;
  readonly queue_size: number;
  readonly max_bytes: number;
  readonly overflow: OverflowPolicy;
  /** Undefined without storage, as is `memory_bytes`. */
  readonly storage_use: 'always' | 'overflow' | undefined;
  readonly memory_bytes: number | undefined;
}

function resolveQueue(queue: QueueFields): SendingQueueSettings {
  const onDisk = queue.storage !== undefined;
  const sizer = queue.sizer ?? (onDisk && queue.queue_size === undefined ? 'bytes' : 'requests');
  const size = queue.queue_size ?? (onDisk && sizer === 'bytes' ? queue.max_bytes || GIB : 1000);
  const use = queue.storage_use ?? (onDisk ? 'always' : undefined);
  const inMemory = use === 'overflow' ? MEMORY_BYTES : DISK_CACHE_BYTES;
  return {
    ...queue,
    sizer,
    queue_size: size,
    max_bytes: queue.max_bytes ?? (onDisk ? Math.max(GIB, sizer === 'bytes' ? size : 0) : MEMORY_BYTES),
    overflow: queue.overflow ?? (queue.optional ? 'drop_newest' : 'push_back'),
    storage_use: use,
    memory_bytes: queue.memory_bytes ?? (onDisk ? inMemory : undefined),
  };
}

/** What one queue may hold in memory. */
export function queueMemoryBytes(queue: SendingQueueSettings): number {
  const { storage, storage_use, memory_bytes = 0, max_bytes } = queue;
  if (storage === undefined) return max_bytes;
  return storage_use === 'overflow' ? memory_bytes + diskMemoryBytes(queue) : diskMemoryBytes(queue);
}

/** What of a queue on disk is kept in memory; behind a queue in memory it needs less. */
export function diskMemoryBytes({ storage_use, memory_bytes = 0 }: SendingQueueSettings): number {
  return storage_use === 'overflow' ? Math.min(memory_bytes, DISK_CACHE_BYTES) : memory_bytes;
}

type Report = (path: readonly string[], message: string) => void;

/** What the fields of a queue allow one by one but not together. */
function checkQueue(fields: QueueFields, context: z.RefinementCtx): void {
  const issue: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  const queue = resolveQueue(fields);
  if (fields.optional && (!queue.enabled || queue.wait_for_result)) {
    const why = queue.enabled ? 'cannot be combined with wait_for_result' : 'needs a queue';
    issue(['optional'], `${why}: senders would wait for this upstream, and others with them`);
  }
  if (!queue.enabled) return;
  if (queue.max_bytes === 0) issue(['max_bytes'], 'must be more than 0');
  if (queue.batch?.sizer === queue.sizer && queue.batch.min_size > queue.queue_size) {
    issue(['batch', 'min_size'], `must not be more than queue_size (${queue.queue_size}): it would never gather`);
  }
  checkOverflow(queue, issue);
  if (queue.storage === undefined) checkWithoutStorage(fields, issue);
  else checkStorage(queue, issue);
}

function checkOverflow(
  { overflow, optional, block_on_overflow, wait_for_result }: SendingQueueSettings,
  issue: Report,
) {
  if (block_on_overflow && overflow !== 'push_back') {
    const what = optional ? 'optional' : `overflow: ${overflow}`;
    issue(['block_on_overflow'], `cannot be combined with ${what}, which never waits; remove one of them`);
  }
  if (optional && overflow === 'push_back') {
    issue(['overflow'], 'push_back would stall the others, which optional rules out; write drop_newest or drop_oldest');
  }
  if (wait_for_result && overflow === 'drop_oldest') {
    issue(['overflow'], 'drop_oldest would drop what senders still wait for; use push_back with wait_for_result');
  }
}

function checkWithoutStorage(fields: QueueFields, issue: Report): void {
  for (const key of ['storage_use', 'memory_bytes'] as const) {
    if (fields[key] !== undefined) issue([key], 'needs storage: this queue is in memory; max_bytes is its bound');
  }
}

function checkStorage({ wait_for_result, storage_use, memory_bytes }: SendingQueueSettings, issue: Report): void {
  if (wait_for_result) {
    issue(['wait_for_result'], 'cannot be combined with storage: a queue on disk answers once the data is on disk');
  }
  if (storage_use === 'overflow' && memory_bytes === 0) {
    issue(['memory_bytes'], 'must be more than 0 with storage_use: overflow; use always to keep everything on disk');
  }
}

export const sendingQueueSettings = () => queueFields().superRefine(checkQueue);

export const retrySettings = () =>
  z.strictObject({
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
    max_elapsed_time: duration()
      .optional()
      .describe('Gives up after this time; 0 never does. Default 5m; ours: 0 when the queue has storage.'),
  });

/** Spread into the `z.strictObject` of an exporter. `timeoutDefault` is the Collector's default for that exporter. */
export function sendingShape(timeoutDefault: string) {
  return {
    timeout: duration().prefault(timeoutDefault).describe('How long one attempt may take; 0 is no limit.'),
    sending_queue: sendingQueueSettings().prefault({}).describe('The queue in front of the exporter.'),
    retry_on_failure: retrySettings().prefault({}).describe('What happens when the upstream cannot take data now.'),
    ...upstreamCareShape(),
    flush_jitter: z
      .number()
      .min(0)
      .max(1)
      .default(0.1)
      .describe(
        'Ours: each flush falls uniformly inside plus or minus this fraction of flush_timeout, the first anywhere before.',
      ),
    ...exporterRateLimitShape(),
  };
}

export type BatchSettings = z.output<ReturnType<typeof batchSettings>>;

export interface RetrySettings extends z.output<ReturnType<typeof retrySettings>> {
  /** Milliseconds; 0 never gives up. */
  readonly max_elapsed_time: number;
}

export interface SendingSettings extends UpstreamCareSettings {
  readonly timeout: number;
  readonly sending_queue: SendingQueueSettings;
  readonly retry_on_failure: RetrySettings;
  readonly flush_jitter: number;
  readonly rate_limit?: RateLimitSettings | undefined;
}

/** What the schema of an exporter gives, before the defaults that depend on other settings. */
export interface SendingInput extends Omit<SendingSettings, 'sending_queue' | 'retry_on_failure'> {
  readonly sending_queue: QueueFields;
  readonly retry_on_failure: z.output<ReturnType<typeof retrySettings>>;
}

const FIVE_MINUTES_MS = 300_000;

/** Data on disk outlives any outage that fits, so its retries do not end unless somebody asks for an end. */
export function resolveSending(input: SendingInput): SendingSettings {
  const { enabled, storage } = input.sending_queue;
  const patienceMs = enabled && storage !== undefined ? 0 : FIVE_MINUTES_MS;
  return {
    ...input,
    sending_queue: resolveQueue(input.sending_queue),
    retry_on_failure: {
      ...input.retry_on_failure,
      max_elapsed_time: input.retry_on_failure.max_elapsed_time ?? patienceMs,
    },
  };
}
