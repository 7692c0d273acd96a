import type { RequestSource } from './batcher.ts';
import type { Books } from './books.ts';
import type { Delivery } from './delivery.ts';
import type { Leases, Request } from './leases.ts';
import type { SenderMetrics } from './sender-metrics.ts';
import type { Throttle } from './throttle.ts';

export interface DispatcherOptions {
  readonly source: RequestSource;
  readonly delivery: Delivery;
  readonly leases: Leases;
  readonly books: Books;
  readonly metrics: SenderMetrics;
  readonly throttle: Throttle | undefined;
  /** Requests in flight at most. */
  readonly consumers: number;
}

/** Keeps up to `consumers` requests in flight. Asks for the next one only when there is a slot for it. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #inFlight = 0;
  #onSlot: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Resolves when the queue is closed and everything in it is settled, or when `abort` fired. */
  async run(abort: AbortSignal): Promise<void> {
    const { source, throttle, consumers } = this.#options;
    for (;;) {
      if (this.#inFlight >= consumers) await this.#slot();
      const request = await source.next(abort);
      if (request === undefined) return;
      if (throttle !== undefined && !(await throttle.turn(request.batch, abort))) continue;
      void this.#send(request, abort);
    }
  }

  async #send(request: Request, abort: AbortSignal): Promise<void> {
    const { delivery, leases, books, metrics } = this.#options;
    metrics.inFlight = this.#inFlight += 1;
    const outcome = await delivery.deliver(request, abort);
    metrics.inFlight = this.#inFlight -= 1;
    books.concluded(outcome, request.batch.items);
    leases.settle(request, outcome);
    this.#onSlot?.();
  }

  #slot(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSlot = () => {
        this.#onSlot = undefined;
        resolve();
      };
    });
  }
}
