import type { Batch } from '../../core/batch.ts';
import type { Reservation } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import { isDurable, queueSize, type DurableQueue, type Lease, type Queue } from '../../core/queue.ts';
import type { Random } from '../../core/random.ts';
import { askedWaitMs } from '../../core/retry.ts';
import type { Sizer } from '../../core/sending.ts';
import type { Verdict } from '../../core/verdict.ts';
import { fired } from '../../core/waiters.ts';
import type { UnderWay } from '../overload/entrance.ts';
import { Batcher, unbatched, type RequestSource } from './batcher.ts';
import type { Books } from './books.ts';
import type { Delivery } from './delivery.ts';
import { Dispatcher } from './dispatcher.ts';
import { DrainRate } from './drain-rate.ts';
import { Intake } from './intake.ts';
import { Leases } from './leases.ts';
import type { Dropped } from './outcome.ts';
import type { QueueBooks } from './queue-books.ts';
import type { SenderHealth } from './sender-health.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { Sender, SenderOptions } from './sender.ts';

export interface Leftover {
  readonly requests: number;
  readonly items: number;
  readonly bytes: number;
}

export interface SenderParts {
  readonly queue: Queue;
  readonly delivery: Delivery;
  readonly books: Books;
  readonly queueBooks: QueueBooks;
  readonly metrics: SenderMetrics;
  readonly health: SenderHealth;
}

/** A caller told to wait is told at least this, and at most that. */
const MIN_HINT_MS = 1000;
const MAX_HINT_MS = 30_000;

const SHUTDOWN: Dropped = {
  status: 'dropped',
  cause: 'shutdown',
  reason: new RemoraError('shutting_down', 'The deadline of the shutdown passed before the data was delivered.'),
};

/** Queue, batcher and dispatcher put together; intake on one side, the upstream on the other. */
export class QueuedSender implements Sender {
  readonly queue: Queue;
  readonly #options: SenderOptions;
  readonly #parts: SenderParts;
  readonly #leases: Leases;
  readonly #source: RequestSource;
  readonly #dispatcher: Dispatcher;
  readonly #intake: Intake;
  readonly #units = new DrainRate();
  readonly #bytes = new DrainRate();
  readonly #deadline = new AbortController();
  #starting: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #leftover: Leftover = { requests: 0, items: 0, bytes: 0 };

  constructor(options: SenderOptions, parts: SenderParts) {
    const { queue, delivery, books, metrics } = parts;
    const { wait_for_result: callersWait, num_consumers: consumers } = options.settings.sending_queue;
    this.queue = queue;
    this.#options = options;
    this.#parts = parts;
    const leases = new Leases({ books, callersWait, onDone: (lease) => this.#left(lease) });
    this.#leases = leases;
    this.#source = requestSource(options, queue, leases);
    this.#dispatcher = new Dispatcher({
      source: this.#source,
      delivery,
      leases,
      books,
      metrics,
      throttle: options.throttle,
      consumers,
    });
    this.#intake = new Intake({
      sender: options,
      queue,
      queueBooks: parts.queueBooks,
      metrics,
      roomAfterMs: (batch) => this.#roomAfterMs(batch),
      onEnqueued: () => this.#enqueued(),
    });
    if (!callersWait) options.account.held = () => queue.items;
    metrics.watchQueue({
      size: () => queueSize(queue, queue.sizer),
      capacity: () => queue.capacity,
      bytes: () => queue.bytes,
      oldestAgeSeconds: () => queue.oldestAgeMs() / 1000,
    });
  }

  consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    return this.#intake.consume(batch, abort);
  }

  tryReserve(batch: Batch): Reservation {
    return this.#intake.tryReserve(batch);
  }

  drainedPerSecond(): number | undefined {
    return this.#bytes.perSecond(this.#options.clock.monotonic());
  }

  /**
   * Counts on an average entry at least: what is announced may be compressed. While callers wait for the result, what is
   * under way is in the queue already.
   */
  roomAfterMs(bytes: number, underWay: UnderWay): number | undefined {
    const { queue } = this;
    const { sending_queue: settings } = this.#options.settings;
    const refuses = settings.overflow === 'push_back' && !settings.block_on_overflow;
    if (queue.requests === 0 || !refuses) return undefined;
    const coming = settings.wait_for_result ? NOTHING : underWay;
    const entry = { items: queue.items / queue.requests, bytes: Math.max(bytes, queue.bytes / queue.requests) };
    const roomBytes = settings.max_bytes - queue.bytes - coming.bytes;
    const room = queue.capacity - queueSize(queue, queue.sizer) - comingSize(coming, entry, queue.sizer);
    if (roomBytes >= entry.bytes && room >= queueSize(entry, queue.sizer)) return undefined;
    return this.#roomAfterMs(entry);
  }

  start(): Promise<void> {
    return (this.#starting ??= this.#start());
  }

  drain(): void {
    this.#source.drain();
  }

  stop(deadline: AbortSignal): Promise<void> {
    return (this.#stopped ??= this.#drain(deadline));
  }

  leftover(): Leftover {
    return this.#leftover;
  }

  async #start(): Promise<void> {
    if (isDurable(this.queue)) await this.#parts.queueBooks.open(this.queue);
    if (this.#stopped === undefined) this.#running = this.#dispatcher.run(this.#deadline.signal);
  }

  async #drain(deadline: AbortSignal): Promise<void> {
    this.queue.close();
    if (this.#losesItsRest) this.#options.throttle?.lift();
    this.#parts.delivery.drain();
    this.#source.drain();
    if (this.#running !== undefined) await Promise.race([this.#running, fired(deadline)]);
    this.#letGo();
    this.#deadline.abort();
    this.#parts.delivery.stop();
    if (isDurable(this.queue)) await this.#keep(this.queue, deadline);
  }

  /** What is left stays on disk for the next process. */
  async #keep(queue: DurableQueue, deadline: AbortSignal): Promise<void> {
    const opened = this.#starting?.catch(() => undefined);
    if (opened !== undefined) await Promise.race([opened, fired(deadline)]);
    await queue.shut(deadline);
    const { requests, items, bytes } = queue;
    this.#leftover = { requests, items, bytes };
    if (requests === 0) return;
    const { id: exporter, signal, log } = this.#options;
    const fields = { exporter, signal, requests, items, bytes };
    log.warn('The stop ended with data in the queue on disk; it is sent after the restart.', fields);
  }

  /** What this does not send before the deadline is lost, neither on disk nor still its sender's. */
  get #losesItsRest(): boolean {
    return !isDurable(this.queue) && !this.#options.settings.sending_queue.wait_for_result;
  }

  /** All that is left, in one tick: a queue on disk gets it back, one in memory drops it with a count. */
  #letGo(): void {
    const { queue } = this;
    if (isDurable(queue)) {
      this.#leases.giveBackAll();
      return;
    }
    const { requests, items, bytes } = queue;
    if (requests === 0) return;
    this.#leftover = { requests, items, bytes };
    const fields = { exporter: this.#options.id, signal: this.#options.signal, requests, items, bytes };
    this.#leases.dropAll(SHUTDOWN);
    for (let lease = queue.tryLease(); lease !== undefined; lease = queue.tryLease()) this.#leases.open(lease);
    this.#leases.dropAll(SHUTDOWN);
    if (this.#options.settings.sending_queue.wait_for_result) {
      this.#options.log.warn('The stop ended before everything was delivered; senders were told to retry.', fields);
    } else {
      this.#options.log.error('The stop ended before everything was delivered; what was left is lost.', fields);
    }
  }

  #left({ batch }: Lease): void {
    const nowMs = this.#options.clock.monotonic();
    this.#units.note(queueSize({ ...batch, requests: 1 }, this.queue.sizer), nowMs);
    this.#bytes.note(batch.bytes, nowMs);
    this.#watchFill();
  }

  #enqueued(): void {
    this.#watchFill();
    // Room reserved before the deadline and taken after it.
    if (this.#deadline.signal.aborted) this.#letGo();
  }

  #watchFill(): void {
    const { queue } = this;
    const units = queueSize(queue, queue.sizer) / queue.capacity;
    this.#parts.health.filled(Math.max(units, queue.bytes / this.#options.settings.sending_queue.max_bytes));
  }

  /** From the measured rate; as long as nothing has left the queue, about as long again as its oldest has waited. */
  #roomAfterMs(batch: Pick<Batch, 'items' | 'bytes'>): number {
    const { queue } = this;
    const nowMs = this.#options.clock.monotonic();
    const units = this.#units.perSecond(nowMs);
    const bytes = this.#bytes.perSecond(nowMs);
    if (units === undefined || bytes === undefined) return hint(queue.oldestAgeMs(), this.#options.random);
    const cost = queueSize({ ...batch, requests: 1 }, queue.sizer);
    const surplusUnits = queueSize(queue, queue.sizer) + cost - queue.capacity;
    const surplusBytes = queue.bytes + batch.bytes - this.#options.settings.sending_queue.max_bytes;
    const waitMs = Math.max(leavesAfterMs(surplusUnits, units), leavesAfterMs(surplusBytes, bytes));
    return hint(waitMs, this.#options.random);
  }
}

const NOTHING: UnderWay = { requests: 0, bytes: 0 };

/** What is under way, as the queue will count it: its items are not known yet. */
function comingSize({ requests, bytes }: UnderWay, entry: { items: number }, sizer: Sizer): number {
  return queueSize({ requests, items: requests * entry.items, bytes }, sizer);
}

function leavesAfterMs(surplus: number, perSecond: number): number {
  return surplus <= 0 ? 0 : (1000 * surplus) / perSecond;
}

/** Stretched by up to half, so that who was refused together does not return together. */
function hint(waitMs: number, random: Random): number {
  return Math.ceil(askedWaitMs(Math.min(MAX_HINT_MS, Math.max(MIN_HINT_MS, waitMs)), random));
}

function requestSource({ settings, clock, random, log }: SenderOptions, queue: Queue, leases: Leases): RequestSource {
  const batch = settings.sending_queue.batch;
  if (batch === undefined) return unbatched(queue, leases);
  return new Batcher({ queue, leases, settings: batch, flushJitter: settings.flush_jitter, clock, random, log });
}
