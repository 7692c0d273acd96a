import { asError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * What ends a run: the first SIGTERM or SIGINT asks for an orderly stop, and the second one to leave at once. A fault
 * that nothing caught is a bug; it asks for the stop too, so that what is held is delivered, and fails the run.
 *
 * Listens from its creation on: as the first process of a container, one without a handler would never get the signal.
 */
export class StopRequests {
  /** Resolves at the first request. */
  readonly asked: Promise<void>;
  readonly #asked = Promise.withResolvers<undefined>();
  readonly #hurry = new AbortController();
  readonly #log: Logger;
  #isAsked = false;
  #hasFault = false;

  constructor(log: Logger) {
    this.#log = log;
    this.asked = this.#asked.promise;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    // Promises that reject with nobody to handle it come here as well.
    process.on('uncaughtException', this.#onFault);
  }

  /** Fires when whoever runs the process will not wait. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** True when the run is not a success: a fault, or a stop that was cut short. */
  get hasFailed(): boolean {
    return this.#hasFault || this.#hurry.signal.aborted;
  }

  readonly #onSignal = (signal: string): void => {
    if (this.#isAsked) {
      this.#hurry.abort();
      return;
    }
    this.#log.info('Asked to stop; a second signal leaves at once.', { signal });
    this.ask();
  };

  readonly #onFault = (fault: unknown): void => {
    this.#hasFault = true;
    const error = asError(fault);
    this.#log.error('Something failed that nothing caught, which is a bug; Remora drains and stops.', {
      error: error.stack ?? error.message,
    });
    this.ask();
  };

  /** An orderly stop, as the first signal asks for. Idempotent. */
  ask(): void {
    this.#isAsked = true;
    this.#asked.resolve(undefined);
  }
}
