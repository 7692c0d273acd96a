import type { Batch } from '../../core/batch.ts';
import type { Component, Consumer } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import type { Books } from './books.ts';
import type { Delivery } from './delivery.ts';
import { verdictOf } from './outcome.ts';
import type { SenderMetrics } from './sender-metrics.ts';

const CLOSED = retry(new RemoraError('shutting_down', 'The exporter is stopping.'));

/** Sending without a queue: each caller waits for its own delivery, and custody never moves unless it succeeds. */
export class Direct implements Consumer, Component {
  readonly #delivery: Delivery;
  readonly #books: Books;
  readonly #metrics: SenderMetrics;
  readonly #deadline = new AbortController();
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(delivery: Delivery, books: Books, metrics: SenderMetrics) {
    this.#delivery = delivery;
    this.#books = books;
    this.#metrics = metrics;
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    if (this.#closed) return CLOSED;
    if (batch.items === 0) return ACCEPTED;
    this.#metrics.inFlight += 1;
    const either = AbortSignal.any([abort, this.#deadline.signal]);
    const outcome = await this.#delivery.deliver({ batch, wanted: true, repeats: () => undefined }, either);
    this.#metrics.inFlight -= 1;
    this.#books.concluded(outcome, batch.items);
    if (outcome.status === 'delivered') {
      this.#books.passed(batch.items - outcome.rejectedItems);
      if (outcome.rejectedItems > 0) this.#books.rejected('partial_success', outcome.rejectedItems);
    }
    if (this.#metrics.inFlight === 0) this.#onIdle?.();
    return verdictOf(outcome);
  }

  stop(deadline: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#delivery.drain();
    if (this.#metrics.inFlight === 0) return Promise.resolve();
    const abort = (): void => this.#deadline.abort();
    return new Promise((resolve) => {
      this.#onIdle = () => {
        deadline.removeEventListener('abort', abort);
        resolve();
      };
      if (deadline.aborted) abort();
      else deadline.addEventListener('abort', abort, { once: true });
    });
  }
}
