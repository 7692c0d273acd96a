import type { Batch } from '../../core/batch.ts';
import type { Component, Consumer } from '../../core/component.ts';
import { RemoraError } from '../../core/errors.ts';
import { ACCEPTED, retry, type Verdict } from '../../core/verdict.ts';
import type { Books } from './books.ts';
import type { Delivery } from './delivery.ts';
import { verdictOf } from './outcome.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { Throttle } from './throttle.ts';

const NO_TURN = retry(new RemoraError('rate_limited', 'The rate limit of the exporter left no room in time.'));
const CLOSED = retry(new RemoraError('shutting_down', 'The exporter is stopping.'));

export interface DirectParts {
  readonly delivery: Delivery;
  readonly books: Books;
  readonly metrics: SenderMetrics;
  readonly throttle: Throttle | undefined;
}

/** Sending without a queue: each caller waits for its own delivery, and custody never moves unless it succeeds. */
export class Direct implements Consumer, Component {
  readonly #delivery: Delivery;
  readonly #books: Books;
  readonly #metrics: SenderMetrics;
  readonly #throttle: Throttle | undefined;
  readonly #deadline = new AbortController();
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor({ delivery, books, metrics, throttle }: DirectParts) {
    this.#delivery = delivery;
    this.#books = books;
    this.#metrics = metrics;
    this.#throttle = throttle;
  }

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    if (this.#closed) return CLOSED;
    if (batch.items === 0) return ACCEPTED;
    this.#metrics.inFlight += 1;
    const either = AbortSignal.any([abort, this.#deadline.signal]);
    const isMyTurn = this.#throttle === undefined || (await this.#throttle.turn(batch, either));
    const verdict = isMyTurn ? await this.#deliver(batch, either) : NO_TURN;
    this.#metrics.inFlight -= 1;
    if (this.#metrics.inFlight === 0) this.#onIdle?.();
    return verdict;
  }

  async #deliver(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    const outcome = await this.#delivery.deliver({ batch, wanted: true, repeats: () => undefined }, abort);
    this.#books.concluded(outcome, batch.items);
    if (outcome.status === 'delivered') {
      this.#books.passed(batch.items - outcome.rejectedItems);
      if (outcome.rejectedItems > 0) this.#books.rejected('partial_success', outcome.rejectedItems);
    }
    return verdictOf(outcome);
  }

  stop(deadline: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#delivery.drain();
    if (this.#metrics.inFlight === 0) {
      this.#delivery.stop();
      return Promise.resolve();
    }
    const abort = (): void => this.#deadline.abort();
    return new Promise((resolve) => {
      this.#onIdle = () => {
        deadline.removeEventListener('abort', abort);
        this.#delivery.stop();
        resolve();
      };
      if (deadline.aborted) abort();
      else deadline.addEventListener('abort', abort, { once: true });
    });
  }
}
