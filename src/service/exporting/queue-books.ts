import type { Batch } from '../../core/batch.ts';
import { codeOf } from '../../core/errors.ts';
import type { DurableQueue, Lost } from '../../core/queue.ts';
import type { Books } from './books.ts';
import { LossLog } from './loss-log.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { SenderOptions } from './sender.ts';

const LOST: Readonly<Record<Lost['reason'], string>> = {
  evicted: 'The sending queue is full; its oldest data was dropped for newer, as its settings say.',
  memory_shed: 'Memory was above its hard limit; the oldest data of the sending queue was dropped.',
  damaged: 'Data of the queue on disk is damaged; it is put aside and not sent.',
  shutdown: 'The disk did not take what was in memory before the end; it is lost.',
};

const NOT_TAKEN = 'The sending queue could not take new data; it was dropped, as its settings say.';

/**
 * Where a queue writes down what it did not lend: what an earlier process left to it, and what left it without a lease.
 * Invariant: what is lost while the queue opens was received by the earlier process, and is received here as well.
 */
export class QueueBooks {
  readonly #options: SenderOptions;
  readonly #books: Books;
  readonly #metrics: SenderMetrics;
  readonly #losses: LossLog;
  #opening = false;

  constructor(options: SenderOptions, books: Books, metrics: SenderMetrics) {
    this.#options = options;
    this.#books = books;
    this.#metrics = metrics;
    this.#losses = new LossLog(options.log, options.clock, { exporter: options.id, signal: options.signal });
  }

  readonly lost = (lost: Lost): void => {
    if (this.#opening) this.#options.account.received += lost.items;
    this.#books.dropped(lost.reason, lost.items);
    this.#losses.lost(LOST[lost.reason], lost);
  };

  /** Dropped on the way in. */
  notTaken(reason: Error, { items, bytes }: Batch): void {
    this.#metrics.enqueueFailed.value += items;
    this.#books.dropped(codeOf(reason, 'storage_failed'), items);
    this.#losses.lost(NOT_TAKEN, { requests: 1, items, bytes }, reason.message);
  }

  /** Rejects with storage_failed when the place of the queue cannot be used. */
  async open(queue: DurableQueue): Promise<void> {
    const { account, id, signal, log } = this.#options;
    this.#opening = true;
    try {
      const { requests, items, bytes } = await queue.open();
      account.received += items;
      this.#metrics.recovered.value += items;
      if (requests === 0) return;
      const fields = { exporter: id, signal, requests, items, bytes };
      log.info('The queue on disk holds what an earlier process left; it is sent now.', fields);
    } finally {
      this.#opening = false;
    }
  }
}
