import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { Component, Consumer, Exporter } from '../../core/component.ts';
import type { Account } from '../../core/ledger.ts';
import type { Logger } from '../../core/logger.ts';
import type { Meter } from '../../core/meter.ts';
import { MemoryQueue } from '../../core/memory-queue.ts';
import type { Queue } from '../../core/queue.ts';
import type { Random } from '../../core/random.ts';
import type { SendingSettings } from '../../core/sending.ts';
import type { Signal } from '../../core/signal.ts';
import type { Destination } from '../overload/entrance.ts';
import { Books } from './books.ts';
import { Delivery } from './delivery.ts';
import { Direct } from './direct.ts';
import { QueuedSender, type Leftover } from './queued-sender.ts';
import { SenderHealth } from './sender-health.ts';
import { SenderMetrics } from './sender-metrics.ts';
import type { Throttle } from './throttle.ts';

export interface SenderOptions {
  /** The exporter's id, for metrics and logs. */
  readonly id: string;
  readonly signal: Signal;
  /** Makes one attempt a call. Its own start and stop are the owner's business: it may serve several signals. */
  readonly exporter: Exporter;
  readonly settings: SendingSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly meter: Meter;
  /** Edges before the sender book `received`; the sender books the rest and sets `held`. */
  readonly account: Account;
  /** The queue to use instead of one in memory: a queue on disk. */
  readonly queue?: Queue;
  /** Shared by the senders of one exporter. */
  readonly throttle?: Throttle | undefined;
  /** Called when it changes; undefined when well again. */
  reportHealth(reason: string | undefined): void;
}

/**
 * The host around an exporter for one signal: queue -> batcher -> retry -> timeout -> exporter.
 *
 * When is a batch accepted?
 * - with a queue: when it is in the queue. Full is `retry` with a hint, or a wait with block_on_overflow; larger than the
 *   queue is `rejected`; an `optional` exporter accepts, drops and counts.
 * - with wait_for_result, or without a queue: when the upstream took it, or a part of it. Until then it is the caller's: retries that
 *   ran out and a shutdown are `retry`, a refusal for good is `rejected`, and neither is in this sender's books.
 *
 * `stop` takes nothing new, sends what there is with retries until the deadline, then drops the rest with a count.
 */
export interface Sender extends Consumer, Component, Destination {
  readonly queue: Queue | undefined;
  /** Bytes that leave the queue in a second; undefined until some have. */
  drainedPerSecond(): number | undefined;
  start(): Promise<void>;
  stop(deadline: AbortSignal): Promise<void>;
  /** What the deadline cut off; all zero before that. */
  leftover(): Leftover;
}

/** Starts nothing; what is offered before `start` waits in the queue. */
export function createSender(options: SenderOptions): Sender {
  const { id, signal, settings, meter } = options;
  const { enabled, wait_for_result } = settings.sending_queue;
  const metrics = new SenderMetrics(meter, id, signal);
  const health = new SenderHealth((reason) => options.reportHealth(reason));
  const delivery = new Delivery(options, metrics, health);
  const books = new Books(options, metrics, enabled && !wait_for_result);
  if (!enabled) return withoutQueue(new Direct({ delivery, books, metrics, throttle: options.throttle }));
  const queue = options.queue ?? memoryQueue(options);
  return new QueuedSender(options, { queue, delivery, books, metrics, health });
}

function withoutQueue(direct: Direct): Sender {
  return {
    queue: undefined,
    drainedPerSecond: () => undefined,
    roomAfterMs: () => undefined,
    start: () => Promise.resolve(),
    consume: (batch: Batch, abort: AbortSignal) => direct.consume(batch, abort),
    stop: (deadline) => direct.stop(deadline),
    leftover: () => ({ requests: 0, items: 0, bytes: 0 }),
  };
}

function memoryQueue({ clock, settings }: SenderOptions): MemoryQueue {
  const { sizer, queue_size: capacity, max_bytes: maxBytes } = settings.sending_queue;
  return new MemoryQueue({ clock, sizer, capacity, maxBytes });
}
