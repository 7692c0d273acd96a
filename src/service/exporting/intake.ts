import { withoutMetadata, type Batch } from '../../core/batch.ts';
import type { Consumer, Reservation } from '../../core/component.ts';
import { asError, RemoraError } from '../../core/errors.ts';
import type { Pending } from '../../core/pending.ts';
import type { Queue, QueueReservation } from '../../core/queue.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../core/verdict.ts';
import type { QueueBooks } from './queue-books.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { SenderOptions } from './sender.ts';

export interface IntakeOptions {
  readonly sender: SenderOptions;
  readonly queue: Queue;
  readonly queueBooks: QueueBooks;
  readonly metrics: SenderMetrics;
  /** Milliseconds until this much has probably left the queue. */
  roomAfterMs(batch: Batch): number;
  onEnqueued(): void;
}

type Reserved = Extract<QueueReservation, { status: 'reserved' }>;
type Full = Pick<Extract<QueueReservation, { status: 'full' | 'closed' }>, 'reason' | 'afterMs'>;

/** What of an optional exporter may wait in memory for a slow disk: no sender waits for it, so nothing else bounds it. */
const UNSAFE_BYTES = 32 * 1024 * 1024;

/** The way into the sending queue: what each answer of the queue means to whoever offers. */
export class Intake implements Consumer {
  readonly #options: IntakeOptions;
  /** Accepted for an optional exporter, and not in its queue yet. */
  #unsafeBytes = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    for (;;) {
      const reservation = this.tryReserve(batch);
      if (reservation.status === 'reserved') return reservation.commit(abort);
      if (reservation.status === 'rejected' || reservation.room === undefined) return reservation.verdict;
      await reservation.room(abort);
      if (!abort.aborted) continue;
      this.#options.metrics.enqueueFailed.value += batch.items;
      return reservation.verdict;
    }
  }

  tryReserve(batch: Batch): Reservation {
    if (batch.items === 0) return taken(() => undefined);
    if (this.#unsafeBytes > 0 && this.#unsafeBytes + batch.bytes > UNSAFE_BYTES) return this.#full(batch, DISK_SLOW);
    const { queue, metrics, sender } = this.#options;
    const reservation = queue.tryReserve(withoutMetadata(batch));
    switch (reservation.status) {
      case 'reserved':
        return {
          status: 'reserved',
          commit: (abort) => this.#commit(reservation, batch, abort),
          cancel: () => reservation.cancel(),
        };
      case 'full':
        return this.#full(batch, reservation);
      case 'too_large':
        metrics.enqueueFailed.value += batch.items;
        sender.log.error('A request is larger than the whole sending queue and was refused.', {
          exporter: sender.id,
          signal: sender.signal,
          items: batch.items,
          bytes: batch.bytes,
        });
        return { status: 'rejected', verdict: rejected(reservation.reason) };
      case 'closed':
        return { status: 'retry', verdict: retry(reservation.reason) };
    }
  }

  #full(batch: Batch, { reason, afterMs }: Full): Reservation {
    const { sender, queue, metrics } = this.#options;
    if (this.#dropsNewest) return taken(() => this.#options.queueBooks.notTaken(reason, batch));
    const verdict = retry(reason, afterMs ?? this.#options.roomAfterMs(batch));
    if (sender.settings.sending_queue.block_on_overflow) {
      return { status: 'retry', verdict, room: (abort) => queue.waitForRoom(abort) };
    }
    metrics.enqueueFailed.value += batch.items;
    return { status: 'retry', verdict };
  }

  /** Whether what the queue cannot take is dropped; an optional exporter stalls nobody, whatever its policy. */
  get #dropsNewest(): boolean {
    const { overflow, optional } = this.#options.sender.settings.sending_queue;
    return overflow === 'drop_newest' || optional;
  }

  #commit(reservation: Reserved, batch: Batch, abort: AbortSignal): Pending<Verdict> {
    const { wait_for_result, optional } = this.#options.sender.settings.sending_queue;
    const notTaken = (error: unknown): Verdict => this.#notTaken(asError(error), batch);
    if (wait_for_result) return this.#commitAndWait(reservation, abort).catch(notTaken);
    const committed = reservation.commit()?.then(() => this.#options.onEnqueued());
    if (committed === undefined) this.#options.onEnqueued();
    else if (optional) void this.#untilSafe(committed, batch);
    else return committed.then(() => ACCEPTED, notTaken);
    return ACCEPTED;
  }

  async #untilSafe(committed: Promise<void>, batch: Batch): Promise<void> {
    this.#unsafeBytes += batch.bytes;
    try {
      await committed;
    } catch (error) {
      this.#options.queueBooks.notTaken(asError(error), batch);
    }
    this.#unsafeBytes -= batch.bytes;
  }

  /** A reservation came to nothing: the disk could not take it after all. */
  #notTaken(reason: Error, batch: Batch): Verdict {
    if (this.#dropsNewest) {
      this.#options.queueBooks.notTaken(reason, batch);
      return ACCEPTED;
    }
    this.#options.metrics.enqueueFailed.value += batch.items;
    return retry(reason);
  }

  /**
   * Settles as the upstream did. When the caller leaves first, the entry is withdrawn; if it was already under way its
   * outcome stays unknown and the caller, told to retry, may send it twice.
   */
  #commitAndWait(reservation: Reserved, abort: AbortSignal): Promise<Verdict> {
    if (abort.aborted) {
      reservation.cancel();
      return Promise.resolve(LEFT);
    }
    return new Promise((resolve, fail) => {
      const leave = (): void => {
        reservation.cancel();
        resolve(LEFT);
      };
      abort.addEventListener('abort', leave, { once: true });
      const settled = (verdict: Verdict): void => {
        abort.removeEventListener('abort', leave);
        resolve(verdict);
      };
      Promise.resolve(reservation.commit(settled)).then(() => this.#options.onEnqueued(), fail);
    });
  }
}

const DISK_SLOW: Full = {
  reason: new RemoraError('storage_failed', 'The disk of the sending queue is slower than what comes.'),
};

const LEFT = retry(new RemoraError('upstream_unavailable', 'The caller left before the upstream had answered.'));

/** A reservation that needs no room: nothing to keep, or nothing that will be kept. */
function taken(book: () => void): Reservation {
  return {
    status: 'reserved',
    keeps: false,
    commit: () => {
      book();
      return ACCEPTED;
    },
    cancel: () => undefined,
  };
}
