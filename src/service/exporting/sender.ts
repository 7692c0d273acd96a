import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { Component, Consumer, Exporter } from '../../core/component.ts';
import type { Account } from '../../core/ledger.ts';
import type { Logger } from '../../core/logger.ts';
import type { Meter } from '../../core/meter.ts';
import type { DurableQueue, DurableQueueOptions, Queue } from '../../core/queue.ts';
import type { Random } from '../../core/random.ts';
import type { SendingSettings } from '../../core/sending.ts';
import type { Signal } from '../../core/signal.ts';
import type { Destination } from '../overload/entrance.ts';
import { Books } from './books.ts';
import { Delivery } from './delivery.ts';
import { Direct } from './direct.ts';
import { QueueBooks } from './queue-books.ts';
import { senderQueue } from './sender-queue.ts';
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
  /** Makes the queue that outlives the process; there when the settings name a storage. */
  readonly durableQueue?: ((options: DurableQueueOptions) => DurableQueue) | undefined;
  /** The queue to use instead of the one that the settings ask for. */
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
 * - with a queue: when it is in the queue, on disk as safe as its fsync policy says. Full is what `overflow` says:
 *   `retry` with a hint or a wait with block_on_overflow, or accepted with what is dropped counted; larger than the queue
 *   is `rejected`. An `optional` exporter never answers `retry` for want of room, and waits for no disk.
 * - with wait_for_result, or without a queue: when the upstream took it, or a part of it. Until then it is the caller's: retries that
 *   ran out and a shutdown are `retry`, a refusal for good is `rejected`, and neither is in this sender's books.
 *
 * `start` opens a queue on disk and rejects with storage_failed when it cannot be used; nothing is accepted before.
 * `stop` takes nothing new, sends what there is with retries until the deadline, then drops the rest with a count, or
 * leaves it on disk.
 */
export interface Sender extends Consumer, Component, Destination {
  readonly queue: Queue | undefined;
  /** Bytes that leave the queue in a second; undefined until some have. */
  drainedPerSecond(): number | undefined;
  start(): Promise<void>;
  /** Sends what gathers without waiting for more; goes on taking. */
  drain(): void;
  stop(deadline: AbortSignal): Promise<void>;
  /** What the deadline cut off; all zero before that. */
  leftover(): Leftover;
}

/** Starts nothing; what is offered before `start` waits in a queue in memory, and one on disk is not open yet. */
export function createSender(options: SenderOptions): Sender {
  const { id, signal, settings, meter } = options;
  const { enabled, wait_for_result } = settings.sending_queue;
  const metrics = new SenderMetrics(meter, id, signal);
  const health = new SenderHealth((reason) => options.reportHealth(reason));
  const delivery = new Delivery(options, metrics, health);
  const books = new Books(options, metrics, enabled && !wait_for_result);
  if (!enabled) return withoutQueue(new Direct({ delivery, books, metrics, throttle: options.throttle }));
  const queueBooks = new QueueBooks(options, books, metrics);
  const queue = senderQueue(options, { onLost: queueBooks.lost, onTrouble: (reason) => health.storage(reason) });
  return new QueuedSender(options, { queue, delivery, books, queueBooks, metrics, health });
}

function withoutQueue(direct: Direct): Sender {
  return {
    queue: undefined,
    drainedPerSecond: () => undefined,
    roomAfterMs: () => undefined,
    start: () => Promise.resolve(),
    drain: () => undefined,
    consume: (batch: Batch, abort: AbortSignal) => direct.consume(batch, abort),
    stop: (deadline) => direct.stop(deadline),
    leftover: () => ({ requests: 0, items: 0, bytes: 0 }),
  };
}
